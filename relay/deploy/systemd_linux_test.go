package deploy

// The systemd unit and its companions: checked by systemd's own tools, then
// installed into a folder and run there as the unit says.

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/unit"
)

const (
	systemd = repository + "/examples/systemd"
	service = "redis-relay.service"
)

// TestUnitVerifies asks systemd, which warns of unknown keys and values, and of
// programs that are not there: so the relay is put where the unit looks for it.
func TestUnitVerifies(t *testing.T) {
	const script = `mount --bind "$BIN" /usr/local/bin; exec systemd-analyze verify --man=no --recursive-errors=no "$UNIT"`
	cmd := exec.Command("unshare", "--mount", "sh", "-euc", script)
	cmd.Env = append(os.Environ(), "BIN="+shipped(t).root, "UNIT="+absolute(t, systemd+"/"+service))
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestUnitExposure holds the grade, in tenths, with room for other versions of systemd.
func TestUnitExposure(t *testing.T) {
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20",
		absolute(t, systemd+"/"+service)).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	check(t, err)
	return path
}

// settings are the [Service] section's values by key, in order.
func settings(t *testing.T) map[string][]string {
	t.Helper()
	f, err := os.Open(systemd + "/" + service)
	check(t, err)
	defer func() { _ = f.Close() }()
	options, err := unit.DeserializeOptions(f)
	check(t, err)
	all := map[string][]string{}
	for _, o := range options {
		if o.Section == "Service" {
			all[o.Name] = append(all[o.Name], o.Value)
		}
	}
	return all
}

// steps are the README's commands that install files and make users and folders.
var steps = regexp.MustCompile(`(?m)^(install|redis-relay init|systemd-sysusers|systemd-tmpfiles) .*$`)

// install carries out the README's steps in a folder instead of /.
func install(t *testing.T) (root string) {
	t.Helper()
	root = folder(t, "", 0o755)
	readme, err := os.ReadFile(systemd + "/README.md")
	check(t, err)
	all := steps.FindAllString(string(readme), -1)
	if len(all) != 8 {
		t.Fatalf("%d steps: %q", len(all), all)
	}
	for _, step := range all {
		step = strings.NewReplacer(
			" /", " "+root+"/", " redis-relay /", " "+shipped(t).root+"/redis-relay "+root+"/",
			"redis-relay init ", shipped(t).root+"/redis-relay init ",
			"systemd-sysusers ", "systemd-sysusers --root="+root+" ",
			"systemd-tmpfiles ", "systemd-tmpfiles --root="+root+" ",
		).Replace(step)
		cmd := exec.Command("sh", "-euc", step)
		cmd.Dir = repository
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", step, err, out)
		}
	}
	return root
}

// ids returns a user's uid and gid in an installed root, as "uid:gid".
func ids(t *testing.T, root, name string) string {
	t.Helper()
	users, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	check(t, err)
	for line := range strings.Lines(string(users)) {
		if fields := strings.Split(line, ":"); fields[0] == name {
			return fields[2] + ":" + fields[3]
		}
	}
	t.Fatalf("no user %s in %s", name, users)
	return ""
}

// environment is what the unit gives to the relay: Environment, then the files.
func environment(t *testing.T, root string, of map[string][]string) (list []string) {
	t.Helper()
	for _, line := range of["Environment"] {
		list = append(list, strings.Fields(line)...)
	}
	for _, file := range of["EnvironmentFile"] {
		text, err := os.ReadFile(filepath.Join(root, file))
		check(t, err)
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				list = append(list, line)
			}
		}
	}
	return list
}

// TestUnitRuns runs what was installed, as the unit's user, with nothing to write
// to but its ReadWritePaths, and holds its system calls to the unit's filter.
func TestUnitRuns(t *testing.T) {
	t.Parallel()
	root, unit, address := install(t), settings(t), freeAddress(t)
	user := ids(t, root, unit["User"][0])
	_, group, _ := strings.Cut(user, ":")
	trace := filepath.Join(folder(t, "", 0o755), "trace")
	c := &container{
		root: root, user: user, command: strings.Fields(unit["ExecStart"][0]),
		env: slices.Concat(environment(t, root, unit), []string{
			"RELAY_HTTP_LISTEN=" + address, "RELAY_REDIS_URL=redis://" + startRedis(t), "RELAY_SOCKET_GROUP=" + group,
		}),
		tracing: []string{"strace", "-D", "-f", "-q", "-e", "signal=none", "-o", trace},
	}
	for _, path := range unit["ReadWritePaths"] {
		c.mounts = append(c.mounts, mount{filepath.Join(root, path), path, false})
	}
	p := c.start(t)
	p.answers(t, address, "/readyz")

	sockets := filepath.Join(root, "run/relay")
	if got := client("1000:1000", group, sockets, "PUBLISH", "notifications", "hi"); got != "0" {
		t.Errorf("a member of the group: %s", got)
	}
	if got := client("1000:1000", "", sockets, "PUBLISH", "notifications", "hi"); !strings.Contains(got, "Permission denied") {
		t.Errorf("not a member of the group: %s", got)
	}
	if code := p.terminate(t); code != 0 {
		t.Errorf("ends with %d", code)
	}
	checkCalls(t, trace, unit)
}

// TestUnitBounds holds numbers that depend on each other, as TestBounds does.
func TestUnitBounds(t *testing.T) {
	unit := settings(t)
	limit, err := strconv.ParseInt(strings.TrimSuffix(unit["MemoryMax"][0], "M"), 10, 64)
	check(t, err)
	set := map[string]int64{}
	for _, line := range unit["Environment"] {
		for _, variable := range strings.Fields(line) {
			if name, size, _ := strings.Cut(variable, "="); strings.HasSuffix(size, "MiB") {
				set[name] = mebibytes(t, size)
			}
		}
	}
	if want := map[string]int64{"GOMEMLIMIT": limit * 9 / 10, "RELAY_LIMITS_MEMORY": limit / 8}; !maps.Equal(set, want) {
		t.Errorf("of %d MiB: %v, want %v", limit, set, want)
	}
}

var (
	call   = regexp.MustCompile(`^\d+ +(\w+)\(`)
	family = regexp.MustCompile(`^\d+ +socket\((AF_\w+)`)
)

// checkCalls holds the system calls of a trace, from the relay's start on, to what
// the unit allows.
func checkCalls(t *testing.T, trace string, unit map[string][]string) {
	t.Helper()
	var text string
	eventually(t, "the trace is complete", func() bool {
		b, err := os.ReadFile(trace)
		text = string(b)
		return err == nil && strings.Contains(text, "+++ exited with 0 +++")
	})
	_, text, found := strings.Cut(text, "execve(\""+strings.Fields(unit["ExecStart"][0])[0])
	if !found {
		t.Fatal("the trace does not show the relay's start")
	}
	allowed, families := allowedCalls(t, unit["SystemCallFilter"]), strings.Fields(unit["RestrictAddressFamilies"][0])
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		if m := family.FindStringSubmatch(line); m != nil && !slices.Contains(families, m[1]) {
			t.Errorf("the unit forbids: %s", line)
		}
		if m := call.FindStringSubmatch(line); m != nil && !seen[m[1]] {
			seen[m[1]] = true
			if !allowed[m[1]] {
				t.Errorf("the unit forbids: %s", line)
			}
		}
	}
	if !seen["epoll_pwait"] || !seen["connect"] || !seen["fchownat"] && !seen["chown"] {
		t.Errorf("not the calls of a relay: %v", seen)
	}
}

// allowedCalls expands SystemCallFilter as systemd does: the first value says that
// it is a list of what is allowed, ~ takes away.
func allowedCalls(t *testing.T, filter []string) map[string]bool {
	t.Helper()
	out, err := exec.Command("systemd-analyze", "syscall-filter", "--no-pager").Output()
	check(t, err)
	groups, group := map[string][]string{}, ""
	for line := range strings.Lines(string(out)) {
		switch name := strings.TrimSpace(line); {
		case name == "" || strings.HasPrefix(name, "#"):
		case !strings.HasPrefix(line, " "):
			group = name
		default:
			groups[group] = append(groups[group], name)
		}
	}
	allowed := map[string]bool{}
	var set func(name string, to bool)
	set = func(name string, to bool) {
		if members, ok := groups[name]; ok {
			for _, member := range members {
				set(member, to)
			}
			return
		}
		allowed[name] = to
	}
	for _, value := range filter {
		names, taken := strings.CutPrefix(value, "~")
		for _, name := range strings.Fields(names) {
			set(name, !taken)
		}
	}
	return allowed
}

// TestFoldersOfTheUnit holds the owners and modes that the README tells of.
func TestFoldersOfTheUnit(t *testing.T) {
	t.Parallel()
	root := install(t)
	user := ids(t, root, "redis-relay")
	_, group, _ := strings.Cut(user, ":")
	for path, want := range map[string]string{
		"run/relay":           user + " 755",
		"etc/relay":           "0:0 755",
		"etc/relay/relay.env": "0:" + group + " 640",
	} {
		out, err := exec.Command("stat", "-c", "%u:%g %a", filepath.Join(root, path)).Output()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%s: %s, want %s (%v)", path, got, want, err)
		}
	}
	if want := fmt.Sprintf("RELAY_SOCKET_PATH=%s/relay.sock", settings(t)["ReadWritePaths"][0]); !slices.Contains(environment(t, root, settings(t)), want) {
		t.Errorf("the unit does not set %s", want)
	}
}
