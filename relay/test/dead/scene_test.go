package dead

// A relay, its Redis, and the program beside it.

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
	"redis-relay/relay/test/process"
)

func TestMain(m *testing.M) { process.Main(m) }

const patience = 30 * time.Second

// The schema of these tests, and one that accepts more.
const (
	strict = `{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}`
	loose  = `{"type":"object"}`
)

// scene is a relay with a configuration in a folder, which the program reads, too.
type scene struct {
	*harness.Relay
	t     *testing.T
	redis *redistest.Server
	dir   string
}

// write writes relay.yaml, with these lines, and the schema.
func (s *scene) write(schema, lines string) (file string) {
	s.t.Helper()
	harness.WriteFile(s.t, s.dir, "schemas/x.json", schema)
	return harness.WriteFile(s.t, s.dir, "relay.yaml", lines)
}

func start(t *testing.T, redis *redistest.Server, lines string, more ...harness.Option) *scene {
	t.Helper()
	s := &scene{t: t, redis: redis, dir: t.TempDir()}
	file := s.write(strict, lines)
	s.Relay = harness.Start(t, redis, append([]harness.Option{harness.WithFile(t, file)}, more...)...)
	return s
}

// dead prepares redis-relay dead.
func (s *scene) dead(args ...string) *exec.Cmd {
	cmd := exec.Command(process.Path(), append([]string{"dead", "--redis.url=" + s.redis.URL()}, args...)...)
	cmd.Dir, cmd.Env = s.dir, []string{}
	return cmd
}

// says runs redis-relay dead and returns what it prints; its exit code must be this one.
func (s *scene) says(code int, args ...string) (stdout, stderr string) {
	s.t.Helper()
	cmd := s.dead(args...)
	var out, told strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &told
	err := cmd.Run()
	var ended *exec.ExitError
	got := 0
	if errors.As(err, &ended) {
		got = ended.ExitCode()
	} else if err != nil {
		s.t.Fatal(err)
	}
	if got != code {
		s.t.Errorf("dead %q ended with %d, want %d\n%s%s", args, got, code, &out, &told)
	}
	return out.String(), told.String()
}

// length is that of a stream.
func (s *scene) length(key string) int { return int(s.redis.MustDo("XLEN", key).Int) }

// awaitLength waits until a stream has so many entries.
func (s *scene) awaitLength(key string, n int) {
	s.t.Helper()
	redistest.Eventually(s.t, patience, key+" has "+strconv.Itoa(n)+" entries", func() bool { return s.length(key) == n })
}

// entries reads a stream: for each entry the fields.
func (s *scene) entries(key string) (list []map[string]string) {
	s.t.Helper()
	for _, entry := range s.redis.MustDo("XRANGE", key, "-", "+").Elems {
		fields := map[string]string{}
		for i := 0; i+1 < len(entry.Elems[1].Elems); i += 2 {
			fields[entry.Elems[1].Elems[i].Str] = entry.Elems[1].Elems[i+1].Str
		}
		list = append(list, fields)
	}
	return list
}

// expect fails unless an entry has these fields, with these beginnings of values, and no "" ones.
func expect(t *testing.T, entry map[string]string, want map[string]string) {
	t.Helper()
	for name, begins := range want {
		value, there := entry[name]
		if begins == "" && there || !strings.HasPrefix(value, begins) {
			t.Errorf("%s is %q, want %q, of %q", name, value, begins, entry)
		}
	}
}
