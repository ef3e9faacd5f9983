package deploy

// What the values of the chart do.

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	network "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// least are the values that must be said.
const least = `
image: {repository: registry.internal/redis-relay}
redis: {url: "rediss://redis.internal:6380"}
app: {image: registry.internal/shop}
`

// full are values for everything.
const full = `
image: {repository: registry.internal/redis-relay, tag: 2.0.0}
imagePullSecrets: [{name: registry}]
memory: 512
redis: {url: "redis://redis.internal:6379", existingSecret: vault, passwordKey: redis-password}
env: [{name: RELAY_LOG_LEVEL, value: debug}]
config: |
  unrouted: allow
  schemas: .
schemas: {user.json: "{}"}
app:
  name: shop
  image: registry.internal/shop:7
  command: [node]
  args: [server.js]
  env: [{name: PORT, value: "8080"}]
  envFrom: [{secretRef: {name: shop}}]
  ports: [{name: http, containerPort: 8080}]
  startupProbe: {httpGet: {path: /, port: http}}
  readinessProbe: {httpGet: {path: /ready, port: http}}
  livenessProbe: {httpGet: {path: /live, port: http}}
  replicas: 5
  uid: 1234
  resources: {limits: {memory: 1Gi}}
  volumes: [{name: tmp, emptyDir: {}}]
  volumeMounts: [{name: tmp, mountPath: /tmp}]
monitoring: {labels: {release: prometheus}}
networkPolicy: {appEgress: [{ports: [{port: 5432}]}]}
`

// values reads values and adds others.
func values(t *testing.T, text string, others map[string]any) map[string]any {
	t.Helper()
	all := map[string]any{}
	check(t, yaml.Unmarshal([]byte(text), &all))
	maps.Copy(all, others)
	return all
}

// TestChartInstallsNothingUnasked: without the demo there is no stand-in, no route, and
// no password, whoever made it.
func TestChartInstallsNothingUnasked(t *testing.T) {
	for _, mode := range modes {
		text, err := templated(values(t, least, map[string]any{"mode": mode}))
		check(t, err)
		for _, word := range []string{"redis-cli", "chat", "change-me", "kind: Secret", "PASSWORD"} {
			if strings.Contains(text, word) {
				t.Errorf("%s: %q is there", mode, word)
			}
		}
		all := decode(t, text)
		for _, object := range []string{"Deployment/redis-relay-app", "NetworkPolicy/redis-relay-app", "ConfigMap/redis-relay"} {
			if all[object] == nil {
				t.Errorf("%s: no %s among %s", mode, object, all.names())
			}
		}
	}
	relays := helm(t, values(t, least, map[string]any{"mode": "daemonset", "app": map[string]any{}}))
	want := []string{
		"ConfigMap/redis-relay", "DaemonSet/redis-relay", "NetworkPolicy/redis-relay", "PodMonitor/redis-relay",
		"PrometheusRule/redis-relay",
	}
	if diff := cmp.Diff(want, relays.names()); diff != "" {
		t.Errorf("a DaemonSet without an app (-want +got):\n%s", diff)
	}
}

// TestChartValues holds what the values say.
func TestChartValues(t *testing.T) {
	for _, mode := range modes {
		all := helm(t, values(t, full, map[string]any{"mode": mode}))
		config := find[*core.ConfigMap](t, all, "ConfigMap/redis-relay").Data
		pod, relay := all.relay(t)
		deployment := find[*apps.Deployment](t, all, "Deployment/shop")
		appPod := &deployment.Spec.Template
		app := &appPod.Spec.Containers[0]
		uid := appPod.Spec.SecurityContext.RunAsUser
		if own := app.SecurityContext.RunAsUser; own != nil {
			uid = own
		}
		ingress := find[*network.NetworkPolicy](t, all, "NetworkPolicy/shop").Spec.Ingress
		egress := find[*network.NetworkPolicy](t, all, "NetworkPolicy/shop").Spec.Egress
		service := find[*core.Service](t, all, "Service/shop").Spec
		for what, ok := range map[string]bool{
			"config":             config["relay.yaml"] == "unrouted: allow\nschemas: .\n",
			"schemas":            config["user.json"] == "{}" && len(config) == 2,
			"redis.url":          env(relay, "RELAY_REDIS_URL") == "redis://redis.internal:6379",
			"existingSecret":     volume(t, pod, "password").Secret.SecretName == "vault",
			"passwordKey":        env(relay, "RELAY_REDIS_PASSWORD_FILE") == "/run/secrets/redis/redis-password",
			"env":                env(relay, "RELAY_LOG_LEVEL") == "debug",
			"memory":             relay.Resources.Limits.Memory().String() == "512Mi" && env(relay, "GOMEMLIMIT") == "460MiB",
			"image.tag":          strings.HasSuffix(relay.Image, ":2.0.0"),
			"imagePullSecrets":   pod.Spec.ImagePullSecrets[0].Name == "registry" && appPod.Spec.ImagePullSecrets[0].Name == "registry",
			"app.image":          app.Image == "registry.internal/shop:7",
			"app.command":        slices.Equal(app.Command, []string{"node"}) && slices.Equal(app.Args, []string{"server.js"}),
			"app.env":            env(app, "PORT") == "8080" && env(app, "REDIS_SOCKET") == "/run/relay/relay.sock",
			"app.envFrom":        app.EnvFrom[0].SecretRef.Name == "shop",
			"app.ports":          portNumber(app, "http") == 8080 && service.Ports[0].TargetPort.String() == "http",
			"app.startupProbe":   app.StartupProbe.HTTPGet.Path == "/",
			"app.readinessProbe": app.ReadinessProbe.HTTPGet.Path == "/ready",
			"app.livenessProbe":  app.LivenessProbe.HTTPGet.Path == "/live",
			"app.replicas":       *deployment.Spec.Replicas == 5,
			"app.uid":            *uid == 1234 && (mode == "daemonset" || env(relay, "RELAY_SOCKET_ALLOW_UIDS") == "1234"),
			"app.resources":      app.Resources.Limits.Memory().String() == "1Gi",
			"app.volumes":        volume(t, appPod, "tmp").EmptyDir != nil && app.VolumeMounts[1].MountPath == "/tmp",
			"Service":            len(selected(t, all, meta.LabelSelector{MatchLabels: service.Selector})) == 1,
			"NetworkPolicy in":   len(ingress[len(ingress)-1].From) == 0 && ingress[len(ingress)-1].Ports[0].Port.IntValue() == 8080,
			"NetworkPolicy out":  egress[len(egress)-1].Ports[0].Port.IntValue() == 5432,
			"monitoring.labels":  find[*monitoring.PodMonitor](t, all, "PodMonitor/redis-relay").Labels["release"] == "prometheus",
		} {
			if !ok {
				t.Errorf("%s: %s has no effect", mode, what)
			}
		}
	}
}

// TestChartIsRestricted asks the Pod Security admission about a sidecar with everything.
func TestChartIsRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	check(t, err)
	pod, _ := helm(t, values(t, full, nil)).relay(t)
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, result := range evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec) {
		if !result.Allowed {
			t.Error(result.ForbiddenReason, result.ForbiddenDetail)
		}
	}
}

// TestChartRefuses holds values that would make something that cannot run, and the words
// that say so.
func TestChartRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		values map[string]any
		want   string
	}{
		"nothing": {
			map[string]any{},
			"\nimage.repository: name the image that the Dockerfile makes, in your registry" +
				"\nredis.url: say where Redis is, such as redis://redis:6379" +
				"\napp.image: name the image of your app, or say demo=true for a stand-in",
		},
		"no Redis":        {values(t, least, map[string]any{"redis": map[string]any{}}), "redis.url: say where Redis is"},
		"no app":          {values(t, least, map[string]any{"app": map[string]any{}}), "app.image: name the image of your app"},
		"a strange URL":   {values(t, least, map[string]any{"redis": map[string]any{"url": "redis:6379"}}), "/redis/url"},
		"a password":      {values(t, least, map[string]any{"redis": map[string]any{"password": "x"}}), "password"},
		"an unknown key":  {values(t, least, map[string]any{"mod": "sidecar"}), "mod"},
		"an unknown mode": {values(t, least, map[string]any{"mode": "both"}), "/mode"},
		"memory as text":  {values(t, least, map[string]any{"memory": "1Gi"}), "/memory"},
		"the relay's port": {values(t, least, map[string]any{"app": map[string]any{
			"image": "x", "ports": []any{map[string]any{"name": "http", "containerPort": 9464}},
		}}), "/app/ports/0/containerPort"},
	} {
		_, err := templated(c.values)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// TestChartLint runs helm lint.
func TestChartLint(t *testing.T) {
	for _, mode := range modes {
		for _, text := range []string{least, full, "demo: true\nimage: {repository: x}\n"} {
			for _, m := range lint.RunAll(examples+"/chart", values(t, text, map[string]any{"mode": mode}), "default").Messages {
				if !strings.Contains(m.Error(), "icon is recommended") {
					t.Errorf("%s: %v with\n%s", mode, m, text)
				}
			}
		}
	}
}
