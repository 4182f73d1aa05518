{{- define "marque-service.deployment" -}}
{{- $root := .root -}}
{{- $size := index $root.Values .component -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "marque-service.fullname" $root }}-{{ .component }}
  labels: {{- include "marque-service.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  {{- if $root.Values.global.minimal }}
  replicas: 1
  {{- else if not $size.autoscaling.enabled }}
  replicas: {{ $size.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  minReadySeconds: 5
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxUnavailable: 0
      maxSurge: 1
  selector:
    matchLabels: {{- include "marque-service.selector" $root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
  {{- $broker := include "marque-service.secret" (dict "root" $root "what" "broker") }}
  template: {{- include "marque-service.pod" (dict "root" $root "component" .component "broker" $broker) | nindent 4 }}
{{- end }}

{{- /* Named by the schema's revision and by what runs: a template of a Job cannot be changed, another image is another Job. It is no hook: a
hook that runs before the release would wait for a database that the same release brings. Pods wait for it (MARQUE_SCHEMA_WAIT_SECONDS). */}}
{{- define "marque-service.migrate" -}}
{{- $broker := printf "%s-migrate-broker" .Release.Name -}}
{{- $pod := include "marque-service.pod" (dict "root" . "component" "migrate" "broker" $broker) -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ printf "%s-migrate-%s-%s" (include "marque-service.fullname" .) .Values.schemaRevision (sha256sum $pod | trunc 8) }}
  labels: {{- include "marque-service.labels" . | nindent 4 }}
    app.kubernetes.io/component: migrate
spec:
  backoffLimit: 20
  ttlSecondsAfterFinished: 86400
  template: {{- $pod | nindent 4 }}
{{- end }}

{{- define "marque-service.autoscaler" -}}
{{- $root := .root -}}
{{- $size := index $root.Values .component -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ include "marque-service.fullname" $root }}-{{ .component }}
  labels: {{- include "marque-service.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "marque-service.fullname" $root }}-{{ .component }}
  minReplicas: {{ $size.replicas }}
  maxReplicas: {{ $size.autoscaling.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ $size.autoscaling.cpuPercent }}
  behavior:
    scaleDown:
      stabilizationWindowSeconds: 300
{{- end }}

{{- define "marque-service.budget" -}}
{{- $root := .root -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "marque-service.fullname" $root }}-{{ .component }}
  labels: {{- include "marque-service.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "marque-service.selector" $root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
{{- end }}
