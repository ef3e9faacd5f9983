{{- /* The app: yours, or with demo a stand-in that prints what is said in chat:lobby. */ -}}

{{- define "redis-relay.app.name" -}}
{{ .Values.app.name | default (ternary "chat" (printf "%s-app" .Release.Name) .Values.demo) }}
{{- end }}

{{- define "redis-relay.app.metadata" -}}
name: {{ include "redis-relay.app.name" . }}
labels:
  app.kubernetes.io/name: {{ include "redis-relay.app.name" . }}
  {{- include "redis-relay.labels" . | nindent 2 }}
{{- end }}

{{- define "redis-relay.app" -}}
name: app
{{- if .Values.demo }}
image: redis:8.2.1-alpine
command:
  - sh
  - -c
  - trap 'exit 0' TERM; redis-cli -s /run/relay/relay.sock SUBSCRIBE chat:lobby & wait
resources:
  requests: {cpu: 10m, memory: 16Mi}
  limits: {memory: 64Mi}
volumeMounts:
  - {name: socket, mountPath: /run/relay, readOnly: true}
{{- else }}
{{- with .Values.app }}
image: {{ .image }}
{{- range $field := list "command" "args" "envFrom" "ports" "startupProbe" "readinessProbe" "livenessProbe" "resources" }}
{{- with get $.Values.app $field }}
{{ $field }}: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
env:
  - {name: REDIS_SOCKET, value: /run/relay/relay.sock}
  {{- with .env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumeMounts:
  - {name: socket, mountPath: /run/relay, readOnly: true}
  {{- with .volumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "redis-relay.app.volumes" -}}
{{- with .Values.app.volumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* What may reach the app, and what it may reach beside the relay's own. */ -}}
{{- define "redis-relay.app.ingress" -}}
{{- with .Values.app.ports }}
- ports:
    {{- range . }}
    - {port: {{ .containerPort }}, protocol: {{ dig "protocol" "TCP" . }}}
    {{- end }}
{{- end }}
{{- end }}

{{- define "redis-relay.app.egress" -}}
{{- if not .Values.demo }}
{{- with .Values.networkPolicy.appEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}
