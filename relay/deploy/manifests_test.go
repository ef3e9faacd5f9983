package deploy

// What holds for the manifests as they are rendered, whichever way.

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	core "k8s.io/api/core/v1"
	network "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// drain is the longest that the relay takes to end: drainTime in main.go.
const drain = 5 * time.Second

// contents are the objects of each mode.
var contents = map[string][]string{
	"sidecar": {
		"ConfigMap/redis-relay", "Deployment/chat", "NetworkPolicy/chat",
		"PodMonitor/redis-relay", "PrometheusRule/redis-relay",
	},
	"daemonset": {
		"ConfigMap/redis-relay", "DaemonSet/redis-relay", "Deployment/chat", "NetworkPolicy/chat",
		"NetworkPolicy/redis-relay", "PodMonitor/redis-relay", "PrometheusRule/redis-relay",
	},
}

// demo are the values with which the chart is the plain manifests; others are added.
func demo(mode string, others map[string]any) map[string]any {
	values := map[string]any{
		"mode": mode, "demo": true, "redis": map[string]any{"existingSecret": "redis-relay"},
		"image": map[string]any{"repository": "registry.example/redis-relay"},
	}
	maps.Copy(values, others)
	return values
}

// TestChartIsTheManifests holds kustomize and Helm to the same objects, but for
// the labels that tell who made them.
func TestChartIsTheManifests(t *testing.T) {
	for _, mode := range modes {
		plain, chart := kustomized(t, mode), helm(t, demo(mode, nil))
		if diff := cmp.Diff(contents[mode], plain.names()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", mode, diff)
		}
		for _, object := range chart {
			object := object.(meta.Object)
			made := object.GetLabels()
			for _, label := range []string{"app.kubernetes.io/managed-by", "helm.sh/chart"} {
				if made[label] == "" {
					t.Errorf("%s: %s has no label %s", mode, object.GetName(), label)
				}
				delete(made, label)
			}
			if len(made) == 0 {
				object.SetLabels(nil)
			}
		}
		if diff := cmp.Diff(plain, chart); diff != "" {
			t.Errorf("%s (-kustomize +helm):\n%s", mode, diff)
		}
	}
}

// TestLeafEgress has a NATS cluster be reached: by the rule that is a comment in the
// plain manifests, and by a value of the chart.
func TestLeafEgress(t *testing.T) {
	for mode, name := range map[string]string{"sidecar": "chat", "daemonset": "redis-relay"} {
		text, err := os.ReadFile(filepath.Join(examples, mode, "networkpolicy.yaml"))
		check(t, err)
		nats := map[string]any{"podSelector": map[string]any{"matchLabels": map[string]any{"app.kubernetes.io/name": "nats"}}}
		all := helm(t, demo(mode, map[string]any{"networkPolicy": map[string]any{"leaf": []any{nats}}}))
		object := "NetworkPolicy/" + name
		plain := find[*network.NetworkPolicy](t, decode(t, strings.ReplaceAll(string(text), "\n    # ", "\n    ")), object)
		templated := find[*network.NetworkPolicy](t, all, object)
		if diff := cmp.Diff(plain.Spec, templated.Spec); diff != "" {
			t.Errorf("%s: (-plain +chart):\n%s", mode, diff)
		}
		if rules := templated.Spec.Egress; len(rules) != 3 || rules[2].Ports[0].Port.IntValue() != 7422 {
			t.Errorf("%s: egress %v", mode, rules)
		}
	}
}

// TestShippedSchema holds the example's copy to the original.
func TestShippedSchema(t *testing.T) {
	original, err := os.ReadFile("../../schemas/chat.json")
	if err != nil {
		t.Fatal(err)
	}
	shipped := find[*core.ConfigMap](t, kustomized(t, "sidecar"), "ConfigMap/redis-relay").Data["chat.json"]
	if diff := cmp.Diff(string(original), shipped); diff != "" {
		t.Errorf("copy schemas/chat.json to examples/kubernetes/base again (-want +got):\n%s", diff)
	}
}

// TestReferences holds names to what they name: volumes, ConfigMaps, Secrets,
// ports, labels.
func TestReferences(t *testing.T) {
	for _, mode := range modes {
		all := kustomized(t, mode)
		for name, pod := range all.pods() {
			volumes := volumeNames(t, all, pod)
			for _, c := range containers(pod) {
				for _, mount := range c.VolumeMounts {
					if !slices.Contains(volumes, mount.Name) {
						t.Errorf("%s %s %s: no volume %s", mode, name, c.Name, mount.Name)
					}
				}
				for _, probe := range []*core.Probe{c.StartupProbe, c.ReadinessProbe, c.LivenessProbe} {
					if probe != nil && portNumber(c, probe.HTTPGet.Port.String()) == 0 {
						t.Errorf("%s %s %s: no port %s", mode, name, c.Name, probe.HTTPGet.Port.String())
					}
				}
			}
		}
		for name, object := range all {
			if policy, ok := object.(*network.NetworkPolicy); ok && len(selected(t, all, policy.Spec.PodSelector)) == 0 {
				t.Errorf("%s: %s selects no pod", mode, name)
			}
		}
		pod, relay := all.relay(t)
		monitor := find[*monitoring.PodMonitor](t, all, "PodMonitor/redis-relay").Spec
		if got := selected(t, all, monitor.Selector); len(got) != 1 || got[0] != pod {
			t.Errorf("%s: the PodMonitor selects %d pods", mode, len(got))
		}
		if portNumber(relay, *monitor.PodMetricsEndpoints[0].Port) == 0 {
			t.Errorf("%s: the PodMonitor names no port of the relay", mode)
		}
	}
}

// volumeNames lists a pod's volumes, and looks for what they show.
func volumeNames(t *testing.T, all manifests, pod *core.PodTemplateSpec) (names []string) {
	t.Helper()
	for _, v := range pod.Spec.Volumes {
		names = append(names, v.Name)
		if v.ConfigMap != nil {
			find[*core.ConfigMap](t, all, "ConfigMap/"+v.ConfigMap.Name)
		}
	}
	return names
}

// portNumber finds a port of a container by its name; 0: none.
func portNumber(c *core.Container, name string) int32 {
	for _, port := range c.Ports {
		if port.Name == name {
			return port.ContainerPort
		}
	}
	return 0
}

// selected returns the pods that a selector matches.
func selected(t *testing.T, all manifests, by meta.LabelSelector) (pods []*core.PodTemplateSpec) {
	t.Helper()
	selector, err := meta.LabelSelectorAsSelector(&by)
	if err != nil {
		t.Fatal(err)
	}
	for _, pod := range all.pods() {
		if selector.Matches(labels.Set(pod.Labels)) {
			pods = append(pods, pod)
		}
	}
	return pods
}

// TestNativeSidecar holds the order: the relay's container goes before the app's
// and on beside it, and the app finds the socket when it starts.
func TestNativeSidecar(t *testing.T) {
	pod, relay := kustomized(t, "sidecar").relay(t)
	if len(pod.Spec.InitContainers) != 1 || relay != &pod.Spec.InitContainers[0] {
		t.Fatal("the relay is not the one init container")
	}
	if relay.RestartPolicy == nil || *relay.RestartPolicy != core.ContainerRestartPolicyAlways {
		t.Error("without restartPolicy: Always an init container is no sidecar: the app would wait for its end")
	}
	if relay.StartupProbe == nil || relay.StartupProbe.HTTPGet.Path != "/livez" {
		t.Error("the startup probe must say that the socket is there, and not wait for Redis")
	}
	if socket := volume(t, pod, "socket"); socket.EmptyDir == nil || socket.EmptyDir.Medium != core.StorageMediumMemory {
		t.Error("the socket's folder is not in memory")
	}
}

// volume finds a volume by its name.
func volume(t *testing.T, pod *core.PodTemplateSpec, name string) *core.Volume {
	t.Helper()
	for i := range pod.Spec.Volumes {
		if pod.Spec.Volumes[i].Name == name {
			return &pod.Spec.Volumes[i]
		}
	}
	t.Fatalf("no volume %s", name)
	return nil
}

// TestBounds holds numbers that depend on each other.
func TestBounds(t *testing.T) {
	for _, mode := range modes {
		pod, relay := kustomized(t, mode).relay(t)
		limit := relay.Resources.Limits.Memory().Value() >> 20
		if bound := mebibytes(t, env(relay, "GOMEMLIMIT")); bound != limit*9/10 {
			t.Errorf("%s: GOMEMLIMIT is %d MiB of %d", mode, bound, limit)
		}
		config := find[*core.ConfigMap](t, kustomized(t, mode), "ConfigMap/redis-relay").Data["relay.yaml"]
		if queues := queueMemory(t, config); queues == 0 || queues > limit/8 {
			t.Errorf("%s: %d MiB may wait for slow clients, of a container of %d", mode, queues, limit)
		}
		if grace := time.Duration(*pod.Spec.TerminationGracePeriodSeconds) * time.Second; grace < 2*drain {
			t.Errorf("%s: %v to end, of which the relay may take %v", mode, grace, drain)
		}
		if !relay.Resources.Limits.Cpu().IsZero() {
			t.Errorf("%s: a limit of cpu delays messages", mode)
		}
	}
}

// queueMemory is limits.memory of a relay.yaml in MiB; 0: it is not said, so the
// default, which is more than these containers have.
func queueMemory(t *testing.T, config string) int64 {
	t.Helper()
	var c struct{ Limits struct{ Memory string } }
	check(t, yaml.Unmarshal([]byte(config), &c))
	return mebibytes(t, c.Limits.Memory)
}

// mebibytes reads a size as it is written in these files: "64MiB"; "" is 0.
func mebibytes(t *testing.T, size string) int64 {
	t.Helper()
	if size == "" {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(size, "MiB"), 10, 64)
	check(t, err)
	return n
}

// env returns a variable of a container.
func env(c *core.Container, name string) string {
	for _, v := range c.Env {
		if v.Name == name {
			return v.Value
		}
	}
	return ""
}

// TestPodSecurity asks Kubernetes' own admission check. The sidecar meets the
// strictest standard; a DaemonSet must reach into the node, and nothing more.
func TestPodSecurity(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for name, want := range map[string][]string{
		"sidecar Deployment/chat":   nil,
		"daemonset Deployment/chat": {"restricted volume types"},
		"daemonset DaemonSet/redis-relay": {
			"restricted volume types",
			// Of the init container that gives the folder to the relay.
			"unrestricted capabilities", "runAsNonRoot != true", "runAsUser=0",
		},
	} {
		mode, object, _ := strings.Cut(name, " ")
		pod := kustomized(t, mode).pods()[object]
		var got []string
		for _, check := range evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec) {
			if !check.Allowed {
				got = append(got, check.ForbiddenReason)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: forbidden %q, want %q", name, got, want)
		}
	}
}
