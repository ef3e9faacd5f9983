// Which version of redis-server the tests run on.

package redistest

import (
	"os/exec"
	"regexp"
	"strconv"
	"testing"
)

var versionText = regexp.MustCompile(`v=(\d+)\.`)

// Shards reports whether the redis-server that tests run on has shard channels, which came with
// Redis 7.0. The number of entries ever added to a stream came with it, too.
func Shards(t testing.TB) bool {
	t.Helper()
	return major(t, findServer(t)) >= 7
}

// Shards reports whether this server has shard channels.
func (s *Server) Shards() bool {
	s.t.Helper()
	return major(s.t, s.bin) >= 7
}

// major is the first number of a redis-server's version.
func major(t testing.TB, bin string) int {
	t.Helper()
	text, err := exec.Command(bin, "--version").Output()
	if err != nil {
		t.Fatalf("%s --version: %v", bin, err)
	}
	m := versionText.FindSubmatch(text)
	if m == nil {
		t.Fatalf("%s --version says %q", bin, text)
	}
	n, _ := strconv.Atoi(string(m[1])) // digits
	return n
}

// NoChannel is what the server answers, as Value.String shows it, where its ACL closes a channel.
// The words differ from version to version, so it asks.
func (s *Server) NoChannel() string {
	s.t.Helper()
	s.MustDo("ACL", "SETUSER", "nochannel", "on", "nopass", "+@all", "resetchannels")
	c := Dial(s.t, "unix", s.Socket())
	defer c.Close()
	c.Do("AUTH", "nochannel", "any")
	return c.Do("PUBLISH", "any", "").String()
}
