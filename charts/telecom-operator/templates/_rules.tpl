{{/*
What the operator may do in each namespace that it serves; docs/operator.md says what each rule is
for. The same rules make the ClusterRole or, with watch.namespaces, one Role per namespace.
*/}}
{{- define "telecom-operator.rules" -}}
# Manifests are only read; what was found is written to their status.
- apiGroups: [telecom.dev]
  resources: [telecomclusters]
  verbs: [list, watch]
- apiGroups: [telecom.dev]
  resources: [telecomclusters/status]
  verbs: [patch]
# Owned objects block their owner's deletion, which OpenShift allows only with this right.
- apiGroups: [telecom.dev]
  resources: [telecomclusters/finalizers]
  verbs: [update]
# Owned objects are found by watches; one is read by itself only to name who else changes it. These
# go when their feature is switched off or their content is replaced.
- apiGroups: [""]
  resources: [serviceaccounts, configmaps, services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [monitoring.coreos.com]
  resources: [servicemonitors]
  verbs: [get, list, watch, create, patch, delete]
# These the operator never deletes: the server itself, and data.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, create, patch]
# Secrets are watched by their metadata; those that a manifest refers to are read one by one.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch]
# Why a rollout does not move is read from these.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
