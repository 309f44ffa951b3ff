{{/* The names, labels and images that more than one template uses. */}}

{{- define "telecom-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "telecom-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "telecom-operator.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "telecom-operator.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "telecom-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "telecom-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "telecom-operator.labels" -}}
{{ include "telecom-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: telecom
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- end }}

{{- define "telecom-operator.serviceAccount" -}}
{{- default (ternary (include "telecom-operator.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "telecom-operator.image" -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}

{{- define "telecom-operator.serverImage" -}}
{{- default (printf "docker.io/telecom-operator/server:%s" .Chart.AppVersion) .Values.serverImage }}
{{- end }}

{{- define "telecom-operator.subject" -}}
- kind: ServiceAccount
  name: {{ include "telecom-operator.serviceAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{- define "telecom-operator.hasServiceMonitor" -}}
{{- $enabled := .Values.metrics.serviceMonitor.enabled }}
{{- if eq (toString $enabled) "auto" }}
{{- $enabled = .Capabilities.APIVersions.Has "monitoring.coreos.com/v1/ServiceMonitor" }}
{{- end }}
{{- if $enabled }}yes{{ end }}
{{- end }}

{{/* Rules and dashboards are of use where the Prometheus Operator is. */}}
{{- define "telecom-operator.hasRules" -}}
{{- $enabled := .Values.monitoring.rules.enabled }}
{{- if eq (toString $enabled) "auto" }}
{{- $enabled = .Capabilities.APIVersions.Has "monitoring.coreos.com/v1/PrometheusRule" }}
{{- end }}
{{- if $enabled }}yes{{ end }}
{{- end }}

{{- define "telecom-operator.hasDashboards" -}}
{{- $enabled := .Values.monitoring.dashboards.enabled }}
{{- if eq (toString $enabled) "auto" }}
{{- $enabled = .Capabilities.APIVersions.Has "monitoring.coreos.com/v1/PrometheusRule" }}
{{- end }}
{{- if $enabled }}yes{{ end }}
{{- end }}
