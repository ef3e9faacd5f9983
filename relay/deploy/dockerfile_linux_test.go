package deploy

// What the image holds, and that it runs as it should.

import (
	"debug/elf"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestContext holds what Docker is given: what the program is made of.
func TestContext(t *testing.T) {
	for _, name := range files(t, shipped(t).stages[""]) {
		top, _, _ := strings.Cut(strings.TrimPrefix(name, "/"), "/")
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "/relay/deploy/") || strings.Contains(name, "/testdata/") ||
			!slices.Contains([]string{"go.mod", "go.sum", "main.go", "config", "relay"}, top) {
			t.Errorf("%s is copied and not needed", name)
		}
	}
}

// TestImageHoldsNothingElse holds what there is to attack: one static program.
func TestImageHoldsNothingElse(t *testing.T) {
	i := shipped(t)
	want := []string{"/etc/relay/relay.yaml", "/etc/ssl/certs/ca-certificates.crt", "/redis-relay", "/run/relay"}
	got := slices.DeleteFunc(files(t, i.root), func(name string) bool {
		return name == "/proc" || strings.HasPrefix(name, "/run/secrets") // mount points of other tests
	})
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	program, err := elf.Open(filepath.Join(i.root, "redis-relay"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = program.Close() }()
	for _, section := range program.Progs {
		if section.Type == elf.PT_INTERP {
			t.Error("the program is not static: it asks for an interpreter")
		}
	}
	if program.Section(".symtab") != nil {
		t.Error("the program carries its symbols")
	}
}

// TestImageRuns runs the image as its own user and as nobody, on a read-only root
// with nothing to write to but the socket's folder.
func TestImageRuns(t *testing.T) {
	i := shipped(t)
	const nobody = "65534:65534"
	for _, user := range []string{i.user, nobody} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			sockets, address := folder(t, user, 0o755), freeAddress(t)
			c := &container{
				root: i.root, user: user, command: i.command, mounts: []mount{{sockets, "/run/relay", false}},
				env: slices.Concat(i.env, []string{"RELAY_HTTP_LISTEN=" + address, "RELAY_REDIS_URL=redis://" + startRedis(t)}),
			}
			p := c.start(t)
			p.answers(t, address, "/readyz")
			health := *c
			health.command = i.health
			if code, output := health.run(t); code != 0 {
				t.Errorf("the health check ends with %d: %s", code, output)
			}
			if got := client(user, "", sockets, "PUBLISH", "notifications", "hi"); got != "0" {
				t.Errorf("PUBLISH: %s", got)
			}
			if code := p.terminate(t); code != 0 {
				t.Errorf("ends with %d", code)
			}
			if got := files(t, sockets); !slices.Equal(got, []string{"/relay.sock.lock"}) {
				t.Errorf("left behind: %s", got)
			}
			if code, output := health.run(t); code != 1 {
				t.Errorf("without a relay the health check ends with %d: %s", code, output)
			}
		})
	}
}

// TestImageNeedsAFolderForItsSocket shows that the root of TestImageRuns is indeed
// read-only, and what a person reads who has forgotten the volume.
func TestImageNeedsAFolderForItsSocket(t *testing.T) {
	i := shipped(t)
	c := &container{
		root: i.root, user: i.user, command: i.command, env: slices.Concat(i.env, []string{"RELAY_REDIS_URL=redis://127.0.0.1:1"}),
	}
	if code, output := c.run(t); code != 1 || !strings.Contains(output, "socket.path") || !strings.Contains(output, "read-only file system") {
		t.Errorf("exit code %d: %s", code, output)
	}
}

// TestImageAsksForAnAddress: it neither starts on a Redis of its own, nor with routes
// that would reject what it knows nothing of.
func TestImageAsksForAnAddress(t *testing.T) {
	i := shipped(t)
	c := &container{root: i.root, user: i.user, command: i.command, env: i.env}
	if code, output := c.run(t); code != 1 || !strings.Contains(output, "redis.url: is not set") {
		t.Errorf("exit code %d: %s", code, output)
	}
	c.command, c.env = append(slices.Clone(i.command), "--check"), append(slices.Clone(i.env), "RELAY_REDIS_URL=redis://h")
	if code, output := c.run(t); code != 0 || strings.Contains(output, ":  ") || !strings.Contains(output, "\nunrouted ") {
		t.Errorf("exit code %d: %s", code, output)
	}
}

// TestImageVersion holds that the build argument arrives.
func TestImageVersion(t *testing.T) {
	i := shipped(t)
	c := &container{root: i.root, user: i.user, command: []string{"/redis-relay", "--version"}}
	if code, output := c.run(t); code != 0 || output != "redis-relay "+testVersion+"\n" {
		t.Errorf("exit code %d: %s", code, output)
	}
}
