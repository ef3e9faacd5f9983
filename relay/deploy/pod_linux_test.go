package deploy

// The relay's container of the manifests, run with their environment, user and
// volumes, as kubelet would make them.

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
)

// pod is a relay that runs as the manifests of a mode say.
type pod struct {
	relay   *process
	address string            // of its HTTP
	redis   string            // address of its Redis
	volumes map[string]string // folders by name
}

// password is that of Redis: in a Secret that is not among the manifests.
const password = "of Redis"

// runPod starts the relay, and a Redis that wants a password.
func runPod(t *testing.T, all manifests) *pod {
	t.Helper()
	i := shipped(t)
	spec, relay := all.relay(t)
	p := &pod{address: freeAddress(t), redis: startRedis(t, "--requirepass", password), volumes: map[string]string{}}
	for _, v := range spec.Spec.Volumes {
		p.volumes[v.Name] = makeVolume(t, all, spec, &v)
	}
	user := *spec.Spec.SecurityContext
	c := &container{
		root: i.root, command: i.command,
		user:   fmt.Sprintf("%d:%d", *user.RunAsUser, *user.RunAsGroup),
		groups: strconv.FormatInt(*user.FSGroup, 10),
		// The names and ports of a cluster are not to be had here.
		env: slices.Concat(i.env, variables(relay), []string{"RELAY_HTTP_LISTEN=" + p.address, "RELAY_REDIS_URL=redis://" + p.redis}),
	}
	for _, m := range relay.VolumeMounts {
		c.mounts = append(c.mounts, mount{p.volumes[m.Name], m.MountPath, m.ReadOnly})
	}
	p.relay = c.start(t)
	for _, probe := range []*core.Probe{relay.StartupProbe, relay.ReadinessProbe, relay.LivenessProbe} {
		p.relay.answers(t, p.address, probe.HTTPGet.Path)
	}
	return p
}

func variables(c *core.Container) (list []string) {
	for _, v := range c.Env {
		list = append(list, v.Name+"="+v.Value)
	}
	return list
}

// makeVolume makes a volume's folder as kubelet does, with the pod's fsGroup
// where kubelet gives it.
func makeVolume(t *testing.T, all manifests, spec *core.PodTemplateSpec, v *core.Volume) string {
	t.Helper()
	group := fmt.Sprintf("0:%d", *spec.Spec.SecurityContext.FSGroup)
	switch {
	case v.EmptyDir != nil:
		return folder(t, group, 0o777|os.ModeSetgid)
	case v.HostPath != nil:
		dir := folder(t, "0:0", 0o755)
		prepare := spec.Spec.InitContainers[0].Command // chown OWNER MOUNTPOINT
		if out, err := exec.Command(prepare[0], prepare[1], dir).CombinedOutput(); err != nil {
			t.Fatalf("%s: %s", prepare, out)
		}
		return dir
	case v.ConfigMap != nil:
		dir := folder(t, group, 0o755)
		publish(t, dir, group, 0o644, find[*core.ConfigMap](t, all, "ConfigMap/"+v.ConfigMap.Name).Data)
		return dir
	case v.Secret != nil:
		dir := folder(t, group, 0o755)
		publish(t, dir, group, 0o640, map[string]string{"password": password})
		return dir
	}
	t.Fatalf("a kind of volume that this test does not know: %v", v)
	return ""
}

// publish puts files into the folder of a ConfigMap or a Secret as kubelet does:
// into a new folder, then ..data points there in one step. The files themselves
// are links through ..data.
func publish(t *testing.T, dir, owner string, mode os.FileMode, data map[string]string) {
	t.Helper()
	fresh, err := os.MkdirTemp(dir, "..")
	check(t, err)
	for name, text := range data {
		check(t, os.WriteFile(filepath.Join(fresh, name), []byte(text), mode))
		if link := filepath.Join(dir, name); !exists(link) {
			check(t, os.Symlink(filepath.Join("..data", name), link))
		}
	}
	check(t, os.Chmod(fresh, 0o755))
	check(t, chown(fresh, owner))
	check(t, os.Symlink(filepath.Base(fresh), filepath.Join(dir, "..new")))
	check(t, os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")))
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// metrics asks the relay for its metrics.
func (p *pod) metrics(t *testing.T) []byte {
	t.Helper()
	res, err := http.Get("http://" + p.address + "/metrics")
	check(t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	check(t, err)
	return text
}

// typing is a message that the shipped schema accepts.
const typing = `{"type":"typing","userId":"ann","roomId":"lobby"}`

// TestPods runs both modes: the app hears what is said, messages are checked, the
// socket has its group; and the end, first of the app, then of the relay.
func TestPods(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			all := kustomized(t, mode)
			p := runPod(t, all)
			user, groups := appUser(t, all)
			socket := p.volumes["socket"]
			hears := start(t, app(user, groups, socket, appCommand(all, socket)))
			hears.says(t, "subscribe")
			for _, c := range []struct{ user, groups, payload, want string }{
				{user, groups, typing, "1"},
				{user, groups, `{"type":"typing"}`, "INVALID chat:lobby"},
				{user, "", typing, "Permission denied"},
			} {
				if got := client(c.user, c.groups, socket, "PUBLISH", "chat:lobby", c.payload); !strings.Contains(got, c.want) {
					t.Errorf("%s with groups %q says %s: %s, want %s", c.user, c.groups, c.payload, got, c.want)
				}
			}
			hears.says(t, typing)
			for _, part := range []*process{hears, p.relay} {
				if code := part.terminate(t); code != 0 {
					t.Errorf("%s ends with %d", part.cmd, code)
				}
			}
			p.relay.says(t, fmt.Sprintf(`"at_most":"%v"`, drain))
		})
	}
}

// TestChartsPod runs the chart as somebody installs it for an app: every channel is open.
func TestChartsPod(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			own := map[string]any{"mode": mode, "redis": map[string]any{"url": "redis://replaced", "existingSecret": "vault"}}
			all := helm(t, values(t, least, own))
			p := runPod(t, all)
			user, groups := appUser(t, all)
			if got := client(user, groups, p.volumes["socket"], "PUBLISH", "anything", "at all"); got != "0" {
				t.Errorf("a publish is answered %s", got)
			}
			if code := p.relay.terminate(t); code != 0 {
				t.Errorf("the relay ends with %d", code)
			}
		})
	}
}

// TestSidecarIsTheApps shows the rule of users: everybody in the pod has the
// group, and only the app is let in.
func TestSidecarIsTheApps(t *testing.T) {
	t.Parallel()
	all := kustomized(t, "sidecar")
	p := runPod(t, all)
	_, groups := appUser(t, all)
	if got := client("1001:1001", groups, p.volumes["socket"], "PUBLISH", "chat:lobby", typing); got == "0" {
		t.Error("another user of the pod may publish")
	}
	p.relay.says(t, "DENIED your user may not connect")
}

// appCommand is what the app's container runs, with the socket's folder of a test.
func appCommand(all manifests, socket string) (command []string) {
	for _, arg := range all.pods()["Deployment/chat"].Spec.Containers[0].Command {
		command = append(command, strings.ReplaceAll(arg, "/run/relay", socket))
	}
	return command
}

// appUser returns whom the app runs as, and its further groups.
func appUser(t *testing.T, all manifests) (user, groups string) {
	t.Helper()
	var pod *core.PodTemplateSpec
	for name, template := range all.pods() {
		if strings.HasPrefix(name, "Deployment/") {
			pod = template
		}
	}
	own, shared := pod.Spec.Containers[0].SecurityContext, pod.Spec.SecurityContext
	uid, gid := shared.RunAsUser, shared.RunAsGroup
	if own.RunAsUser != nil {
		uid, gid = own.RunAsUser, own.RunAsGroup
	}
	further := shared.SupplementalGroups
	if shared.FSGroup != nil {
		further = append(further, *shared.FSGroup)
	}
	return fmt.Sprintf("%d:%d", *uid, *gid), fmt.Sprint(further[0])
}

// TestAlertsNameMetrics compares the alerts with a relay's /metrics.
func TestAlertsNameMetrics(t *testing.T) {
	t.Parallel()
	checkSelectors(t, runPod(t, kustomized(t, "sidecar")).metrics(t))
}

// TestConfigMapReloads changes the ConfigMap of a running relay.
func TestConfigMapReloads(t *testing.T) {
	t.Parallel()
	all := kustomized(t, "sidecar")
	p := runPod(t, all)
	user, groups := appUser(t, all)
	say := func() string {
		return client(user, groups, p.volumes["socket"], "PUBLISH", "chat:lobby", typing)
	}
	if got := say(); got != "0" {
		t.Fatal(got)
	}
	data := maps.Clone(find[*core.ConfigMap](t, all, "ConfigMap/redis-relay").Data)
	data["relay.yaml"] += "    publish: false\n"
	publish(t, p.volumes["config"], "0:65532", 0o644, data)
	p.relay.says(t, "configuration reloaded")
	if got := say(); !strings.HasPrefix(got, "DENIED") {
		t.Errorf("after the reload: %s", got)
	}
}

// connectedAnew finds a connection to Redis behind the first. There may be more: each CLIENT KILL may have ended one.
var connectedAnew = regexp.MustCompile(`(?m)^redis_relay_upstream_connections_total [2-9]`)

// TestSecretRotates changes the password of Redis, then the Secret.
func TestSecretRotates(t *testing.T) {
	t.Parallel()
	p := runPod(t, kustomized(t, "sidecar"))
	host, port, _ := net.SplitHostPort(p.redis)
	admin := exec.Command("redis-cli", "-h", host, "-p", port, "-a", password, "--no-auth-warning")
	admin.Stdin = strings.NewReader("CONFIG SET requirepass changed\nCLIENT KILL TYPE pubsub\nCLIENT KILL TYPE normal\n")
	publish(t, p.volumes["password"], "0:65532", 0o640, map[string]string{"password": "changed"})
	if out, err := admin.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	eventually(t, "the relay is connected anew", func() bool { return connectedAnew.Match(p.metrics(t)) })
	p.relay.answers(t, p.address, "/readyz")
}

// TestManifestsFitTheImage holds the manifests' port and user to the image's. The
// user is a number, since kubelet cannot see that a name is not root's.
func TestManifestsFitTheImage(t *testing.T) {
	i := shipped(t)
	for _, mode := range modes {
		pod, relay := kustomized(t, mode).relay(t)
		want := fmt.Sprintf("RELAY_HTTP_LISTEN=0.0.0.0:%d", portNumber(relay, "relay-http"))
		if !slices.Contains(i.env, want) {
			t.Errorf("%s: the image does not set %s", mode, want)
		}
		as := pod.Spec.SecurityContext
		if user := fmt.Sprintf("%d:%d", *as.RunAsUser, *as.RunAsGroup); user != i.user || *as.RunAsUser == 0 {
			t.Errorf("%s: the image's user is %s, the pod's %s", mode, i.user, user)
		}
	}
}
