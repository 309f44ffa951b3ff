{{/* The operator's own OTLP export. */}}

{{/* Whether any signal has somewhere to go. */}}
{{- define "telecom-operator.exports" -}}
{{- $endpoints := .Values.telemetry.endpoints }}
{{- if or .Values.telemetry.endpoint $endpoints.traces $endpoints.metrics $endpoints.logs }}yes{{ end }}
{{- end }}

{{- define "telecom-operator.collectorCa" -}}
{{- if and (include "telecom-operator.exports" .) .Values.telemetry.caSecretRef.name }}yes{{ end }}
{{- end }}

{{/* Never a secret: who may list processes or Pods sees arguments. */}}
{{- define "telecom-operator.telemetryArguments" -}}
{{- $endpoints := .Values.telemetry.endpoints }}
{{- with .Values.telemetry.endpoint }}
- {{ printf "--otlp-endpoint=%s" . | quote }}
{{- end }}
{{- with $endpoints.traces }}
- {{ printf "--otlp-traces-endpoint=%s" . | quote }}
{{- end }}
{{- with $endpoints.metrics }}
- {{ printf "--otlp-metrics-endpoint=%s" . | quote }}
{{- end }}
{{- with $endpoints.logs }}
- {{ printf "--otlp-logs-endpoint=%s" . | quote }}
{{- end }}
- --otlp-protocol={{ .Values.telemetry.protocol }}
- {{ printf "--otlp-service-name=%s" .Values.telemetry.serviceName | quote }}
- --otlp-sample-ratio={{ .Values.telemetry.sampleRatio }}
- --otlp-export-metrics={{ .Values.telemetry.exportMetrics }}
- --otlp-export-logs={{ .Values.telemetry.exportLogs }}
- --otlp-metrics-interval={{ .Values.metrics.exportIntervalSeconds }}
{{- if include "telecom-operator.collectorCa" . }}
- --otlp-ca-file=/etc/telecom-operator/otlp-ca/ca.crt
{{- end }}
{{- with .Values.telemetry.resourceAttributes }}
{{- $pairs := list }}
{{- range $key, $value := . }}
{{- /* Percent-encoded: what urlquery writes for a space means a plus sign here. */}}
{{- $pairs = append $pairs (printf "%s=%s" $key ($value | urlquery | replace "+" "%20")) }}
{{- end }}
- {{ printf "--otlp-resource-attributes=%s" (join "," $pairs) | quote }}
{{- end }}
{{- end }}
