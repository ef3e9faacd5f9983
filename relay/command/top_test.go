package command

import "testing"

// TestTopIsToldWhatIsWrong: what does not exist is named, with what does.
func TestTopIsToldWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := newScene(t, nil)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--view", "chanels"}, `there is no view "chanels"; the views are overview, channels, clients`},
		{[]string{"--sort=size"}, `nothing is sorted by "size", but by rate, bytes, refused`},
		{[]string{"--interval=1"}, "--interval is a time as 1s, 100ms to 1h0m0s, not \"1\""},
		{[]string{"--interval=1ms"}, "--interval is a time"},
		{[]string{"chat:1"}, `unexpected argument "chat:1"`},
	} {
		s.run(nil, append([]string{"top"}, c.args...)...).expect(t, exitUsage, c.says)
	}
	s.run(nil, "top", "--once").expect(t, exitFailed, "no relay answers at relay.sock")
	s.run(nil, "top", "--once", "--json", "--socket.path=gone.sock").expect(t, exitFailed, "no relay answers at gone.sock")
}
