{{- /* The relay's container and its volumes, as both modes have them. */ -}}

{{- define "redis-relay.labels" -}}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- /* What has no default: all that is missing is said at once. */ -}}
{{- define "redis-relay.complete" -}}
{{- $missing := list }}
{{- if not .Values.image.repository }}
{{- $missing = append $missing "image.repository: name the image that the Dockerfile makes, in your registry" }}
{{- end }}
{{- if not (or .Values.redis.url .Values.config .Values.demo) }}
{{- $missing = append $missing "redis.url: say where Redis is, such as redis://redis:6379" }}
{{- end }}
{{- if and (eq .Values.mode "sidecar") (not (or .Values.app.image .Values.demo)) }}
{{- $missing = append $missing "app.image: name the image of your app, or say demo=true for a stand-in" }}
{{- end }}
{{- with $missing }}{{ fail (join "\n" (prepend . "")) }}{{ end }}
{{- end }}

{{- define "redis-relay.container" -}}
name: redis-relay
image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
ports:
  - {name: relay-http, containerPort: 9464}
startupProbe: # the socket is there; Redis may still be away
  httpGet: {path: /livez, port: relay-http}
  periodSeconds: 1
  failureThreshold: 30
readinessProbe: # Redis away for half a minute takes the pod out of its Services
  httpGet: {path: /readyz, port: relay-http}
  periodSeconds: 5
  failureThreshold: 6
livenessProbe: # never depends on Redis: a restart would not bring it back
  httpGet: {path: /livez, port: relay-http}
  periodSeconds: 10
resources:
  requests: {{- toYaml .Values.requests | nindent 4 }}
  limits:
    memory: {{ .Values.memory }}Mi
securityContext: {{- include "redis-relay.locked" . | nindent 2 }}
volumeMounts:
  - {name: socket, mountPath: /run/relay}
  - {name: config, mountPath: /etc/relay, readOnly: true}
{{- if .Values.redis.existingSecret }}
  - {name: password, mountPath: /run/secrets/redis, readOnly: true}
{{- end }}
{{- end }}

{{- define "redis-relay.env" -}}
{{- with .Values.redis.url }}
- {name: RELAY_REDIS_URL, value: {{ . | quote }}}
{{- end }}
{{- if .Values.redis.existingSecret }}
- {name: RELAY_REDIS_PASSWORD_FILE, value: /run/secrets/redis/{{ .Values.redis.passwordKey }}}
{{- end }}
{{- if eq .Values.mode "sidecar" }}
- {name: RELAY_SOCKET_ALLOW_UIDS, value: {{ .Values.app.uid | quote }}}
{{- end }}
- {name: GOMEMLIMIT, value: {{ div (mul .Values.memory 9) 10 }}MiB}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "redis-relay.volumes" -}}
- name: config
  configMap: {name: {{ .Release.Name }}}
{{- with .Values.redis.existingSecret }}
- name: password
  secret: {secretName: {{ . }}}
{{- end }}
{{- end }}

{{- define "redis-relay.locked" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* relay.yaml for those who say nothing of it. */ -}}
{{- define "redis-relay.config" -}}
# Every channel is open, and nothing is checked. Routes, schemas and limits: the values
# config and schemas.
schemas: .
limits:
  memory: {{ div .Values.memory 8 }}MiB
{{- end }}

{{- /* The rules of NetworkPolicy for who runs a relay. */ -}}
{{- define "redis-relay.network.ingress" -}}
- from: # Prometheus
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: {{ .Values.networkPolicy.monitoring }}}
  ports:
    - {port: 9464, protocol: TCP}
{{- end }}

{{- define "redis-relay.network.egress" -}}
- to: {{- toYaml .Values.networkPolicy.redis | nindent 4 }}
  ports:
    - {port: {{ .Values.networkPolicy.redisPort }}, protocol: TCP}
{{- with .Values.networkPolicy.leaf }}
- to: {{- toYaml . | nindent 4 }}
  ports:
    - {port: {{ $.Values.networkPolicy.leafPort }}, protocol: TCP}
{{- end }}
{{- end }}

{{- define "redis-relay.network.names" -}}
- to: # names
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: kube-system}
      podSelector:
        matchLabels: {k8s-app: kube-dns}
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end }}
