{{- /* Everything of a service; its chart says no more than this name. */}}
{{- define "marque-service.all" -}}
{{- $components := ternary (list "serve" "work") (list "serve") (eq (include "marque-service.owns-data" .) "yes") -}}
{{ include "marque-service.config" . }}
---
{{ include "marque-service.account" . }}
---
{{ include "marque-service.service" . }}
{{- range $component := $components }}
---
{{ include "marque-service.deployment" (dict "root" $ "component" $component) }}
---
{{ include "marque-service.budget" (dict "root" $ "component" $component) }}
{{- if and (index $.Values $component).autoscaling.enabled (not $.Values.global.minimal) }}
---
{{ include "marque-service.autoscaler" (dict "root" $ "component" $component) }}
{{- end }}
{{- end }}
{{- if include "marque-service.owns-data" . }}
---
{{ include "marque-service.migrate" . }}
{{- end }}
{{- if .Values.global.networkPolicy.enabled }}
---
{{ include "marque-service.policy" . }}
{{- end }}
{{- if .Values.global.tls.enabled }}
---
{{ include "marque-service.certificate" . }}
{{- end }}
{{- end }}
