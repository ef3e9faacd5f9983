{{- /* The relay's container and its volumes, as both modes have them. */ -}}

{{- define "redis-relay.labels" -}}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
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
  - {name: password, mountPath: /run/secrets/redis, readOnly: true}
{{- end }}

{{- define "redis-relay.env" -}}
- {name: RELAY_REDIS_PASSWORD_FILE, value: /run/secrets/redis/password}
{{- if eq .Values.mode "sidecar" }}
- {name: RELAY_SOCKET_ALLOW_UIDS, value: {{ .Values.app.uid | quote }}}
{{- end }}
- {name: GOMEMLIMIT, value: {{ div (mul .Values.memory 9) 10 }}MiB}
{{- end }}

{{- define "redis-relay.volumes" -}}
- name: config
  configMap: {name: {{ .Release.Name }}}
- name: password
  secret: {secretName: {{ .Values.existingSecret | default .Release.Name }}}
{{- end }}

{{- define "redis-relay.locked" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "redis-relay.app" -}}
name: app
image: {{ .Values.app.image }}
command: {{- toYaml .Values.app.command | nindent 2 }}
resources: {{- toYaml .Values.app.resources | nindent 2 }}
volumeMounts:
  - {name: socket, mountPath: /run/relay, readOnly: true}
{{- end }}

{{- /* The rules of NetworkPolicy for who runs a relay. */ -}}
{{- define "redis-relay.network" -}}
policyTypes: [Ingress, Egress]
ingress:
  - from: # Prometheus
      - namespaceSelector:
          matchLabels: {kubernetes.io/metadata.name: {{ .Values.networkPolicy.monitoring }}}
    ports:
      - {port: 9464, protocol: TCP}
egress:
  - to: # names
      - namespaceSelector:
          matchLabels: {kubernetes.io/metadata.name: kube-system}
        podSelector:
          matchLabels: {k8s-app: kube-dns}
    ports:
      - {port: 53, protocol: UDP}
      - {port: 53, protocol: TCP}
  - to: {{- toYaml .Values.networkPolicy.redis | nindent 6 }}
    ports:
      - {port: {{ .Values.networkPolicy.redisPort }}, protocol: TCP}
{{- with .Values.networkPolicy.leaf }}
  - to: {{- toYaml . | nindent 6 }}
    ports:
      - {port: {{ $.Values.networkPolicy.leafPort }}, protocol: TCP}
{{- end }}
{{- end }}
