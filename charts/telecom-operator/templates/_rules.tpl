{{/*
What the operator may do in each namespace that it serves; docs/operator.md says what each rule is
for. The same rules make the ClusterRole or, with watch.namespaces, one Role per namespace.
*/}}
{{- define "telecom-operator.rules" -}}
# The manifests themselves are only read; what was found is written to their status.
- apiGroups: [telecom.dev]
  resources: [telecomclusters]
  verbs: [get, list, watch]
- apiGroups: [telecom.dev]
  resources: [telecomclusters/status]
  verbs: [get, patch, update]
# Owned objects block their owner's deletion, which OpenShift allows only with this right.
- apiGroups: [telecom.dev]
  resources: [telecomclusters/finalizers]
  verbs: [update]
# Owned objects: found by a watch, applied, deleted when their feature is switched off.
- apiGroups: [""]
  resources: [serviceaccounts, configmaps, services, persistentvolumeclaims]
  verbs: [get, list, watch, create, patch, delete]
# Secrets that manifests refer to are read; generated ones are created, never deleted by name.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch]
- apiGroups: [apps]
  resources: [deployments, statefulsets]
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
# Why a rollout does not move is read from these.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [get, list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
