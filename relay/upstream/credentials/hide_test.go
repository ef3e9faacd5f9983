package credentials

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestHide(t *testing.T) {
	t.Parallel()
	long := "sesame-" + strings.Repeat("0123456789", 30)
	for _, tt := range []struct{ text, password, want string }{
		{"ERR unknown command 'AUTH', with args beginning with: 'app' 'p' ", "'p'", "ERR unknown command 'AUTH', with args beginning with: 'app' xxxxx "},
		{"ERR with args beginning with: 'app' '" + long[:100] + "' ", long, "ERR with args beginning with: 'app' 'xxxxx' "},
		{"sesame-0 sesame-", long, "xxxxx sesame-"},
		{"as it is", "", "as it is"},
	} {
		of := errors.New(tt.text)
		if err := (Login{Password: tt.password}).Hide(of); err.Error() != tt.want || !errors.Is(err, of) {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
	if err := (Login{Password: "p"}).Hide(nil); err != nil {
		t.Error(err)
	}
}

// A Redis that does not know AUTH quotes the password in its error.
func TestRedisQuotesThePassword(t *testing.T) {
	t.Parallel()
	v, k := newVault(t)
	v.refuse = errors.New("ERR unknown command 'AUTH', with args beginning with: 'app' 'sesame' ")
	v.password("sesame", time.Hour)
	_, err := k.Get(t.Context())
	if err == nil || !strings.Contains(err.Error(), "'app' 'xxxxx'") || strings.Contains(k.State().Err.Error(), "sesame") {
		t.Error(err)
	}
	v.refuse = nil
	due(k)
	l, err := k.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	k.Refused(l, errors.New("WRONGPASS for 'sesame'"))
	if err := k.State().Err; err == nil || strings.Contains(err.Error(), "sesame") {
		t.Error(err)
	}
}
