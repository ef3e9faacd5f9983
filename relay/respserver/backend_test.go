package respserver_test

import (
	"slices"
	"testing"

	"redis-relay/relay/respserver"
)

// TestLogNamesWhatIsKnown of a client.
func TestLogNamesWhatIsKnown(t *testing.T) {
	for _, c := range []struct {
		client respserver.Client
		want   []string
	}{
		{respserver.Client{ID: 1}, []string{"client"}},
		{respserver.Client{ID: 1, Name: "web", PID: 2}, []string{"client", "name", "pid"}},
		{respserver.Client{ID: 1, User: respserver.User{Known: true}}, []string{"client", "uid"}},
	} {
		var got []string
		for _, f := range c.client.Fields() {
			got = append(got, f.Key)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.client, got, c.want)
		}
	}
}
