package credentials

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// vault is a helper whose words a test sets, and a follower that notes what it is told.
type vault struct {
	t    *testing.T
	file string

	mu     sync.Mutex
	taken  bool
	refuse error
	told   []string
}

func newVault(t *testing.T) (*vault, *Keeper) {
	v := &vault{t: t, file: filepath.Join(t.TempDir(), "out")}
	k := New("redis.credentials.command", []string{"/bin/sh", "-c", `echo run >> ` + v.file + `.runs; . ` + v.file}, 0, "app")
	k.Follow(Follower{
		Try: func(_ context.Context, l Login) (bool, error) {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.told = append(v.told, "try "+l.Password)
			return v.taken, v.refuse
		},
		Use:    func(_ context.Context, l Login) { v.tell("use " + l.Password) },
		Failed: func(s State) { v.tell(fmt.Sprint("failed ", s.Attempts)) },
		Works:  func(s State) { v.tell(fmt.Sprint("works after ", s.Attempts)) },
	})
	return v, k
}

func (v *vault) tell(text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.told = append(v.told, text)
}

// heard returns what was told since the last call, but for use.
func (v *vault) heard() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	text := strings.Join(v.told, ", ")
	v.told = nil
	return text
}

// prints sets what the helper does.
func (v *vault) prints(script string) {
	if err := os.WriteFile(v.file+".new", []byte(script+"\n"), 0o600); err != nil {
		v.t.Fatal(err)
	}
	if err := os.Rename(v.file+".new", v.file); err != nil {
		v.t.Fatal(err)
	}
}

// password has the helper print a login that holds for a while.
func (v *vault) password(password string, life time.Duration) {
	v.prints(fmt.Sprintf(`echo '{"password":"%s","expiresAt":"%s"}'`, password, time.Now().Add(life).UTC().Format(time.RFC3339Nano)))
}

func (v *vault) runs() int {
	text, _ := os.ReadFile(v.file + ".runs")
	return strings.Count(string(text), "run")
}

// due lets an attempt be due that waits for its pause.
func due(k *Keeper) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.retryAt = time.Now().Add(-time.Millisecond)
}

// rest has a pause last that follows a failure. There must be one.
func rest(t *testing.T, k *Keeper) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.retryAt.IsZero() {
		t.Error("no pause after a failure")
	}
	k.retryAt = time.Now().Add(time.Hour)
}

// expire has the login expire now.
func expire(k *Keeper) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state.Login.Expires = time.Now()
}

// A login is got once for all who ask, and again when it has expired; a failure is not repeated at once.
func TestGet(t *testing.T) {
	t.Parallel()
	v, k := newVault(t)
	v.prints("echo no luck >&2; exit 1")
	for range 3 {
		_, err := k.Get(t.Context())
		if want := "redis.credentials.command: the helper ended with exit status 1; its stderr: no luck"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		rest(t, k)
	}
	if v.runs() != 1 || v.heard() != "failed 1" {
		t.Errorf("%d runs", v.runs())
	}
	due(k)
	v.password("one", time.Hour)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if l, err := k.Get(t.Context()); err != nil || l.Password != "one" || l.User != "app" {
				t.Errorf("%v %v", l, err)
			}
		})
	}
	all.Wait()
	if v.runs() != 2 || v.heard() != "try one" || k.State().Err == nil {
		t.Errorf("%d runs, %+v", v.runs(), k.State())
	}
	l, _ := k.Get(t.Context())
	k.Taken(l)
	if got := v.heard(); got != "works after 1" || k.State().Attempts != 0 {
		t.Error(got)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", l, l, k.State(), l); strings.Contains(text, "one") {
		t.Error(text)
	}

	k.Refused(l, errors.New("WRONGPASS"))
	k.Refused(l, errors.New("WRONGPASS")) // of a second connection
	rest(t, k)
	if got := v.heard(); got != "failed 1" {
		t.Error(got)
	}
	if _, err := k.Get(t.Context()); err == nil || !strings.Contains(err.Error(), "Redis refuses what the helper printed: WRONGPASS") {
		t.Error(err)
	}
	due(k)
	v.password("two", time.Hour)
	if l, err := k.Get(t.Context()); err != nil || l.Password != "two" {
		t.Errorf("%v %v", l, err)
	}
	v.password("three", time.Hour)
	expire(k)
	if l, err := k.Get(t.Context()); err != nil || l.Password != "three" {
		t.Errorf("%v %v", l, err)
	}
}

// What Redis refuses on the living connection does not take the place of a login that holds.
func TestRefusedLoginIsNotUsed(t *testing.T) {
	t.Parallel()
	v, k := newVault(t)
	v.password("one", time.Hour)
	if _, err := k.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	v.mu.Lock()
	v.refuse = errors.New("WRONGPASS")
	v.mu.Unlock()
	v.password("two", time.Hour)
	if err := k.renew(t.Context()); err == nil {
		t.Error("no error")
	}
	if l, err := k.Get(t.Context()); err != nil || l.Password != "one" {
		t.Errorf("%v %v", l, err)
	}
	l, _ := k.held()
	k.Taken(l) // a connection is made with the old one: that ends no failure
	v.mu.Lock()
	v.refuse, v.taken = nil, true
	v.mu.Unlock()
	if err := k.renew(t.Context()); err != nil {
		t.Error(err)
	}
	if got, want := v.heard(), "try one, try two, failed 1, try two, works after 1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A password that Redis has refused is taken out of what the helper writes later.
func TestRefusedPasswordIsNotShown(t *testing.T) {
	t.Parallel()
	v, k := newVault(t)
	v.password("sesame", time.Hour)
	l, err := k.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	k.Refused(l, errors.New("WRONGPASS"))
	v.prints("echo sesame is old >&2; exit 1")
	if err := k.renew(t.Context()); err == nil || !strings.HasSuffix(err.Error(), "its stderr: xxxxx is old") {
		t.Error(err)
	}
}

// A helper whose run is ended by its caller has not failed.
func TestGetIsEnded(t *testing.T) {
	t.Parallel()
	v, k := newVault(t)
	v.prints("sleep 1000")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := k.Get(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if s := k.State(); s.Attempts != 0 || v.heard() != "" {
		t.Errorf("%+v", s)
	}
}

func TestDue(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, tt := range map[string]struct {
		refresh, life time.Duration // life 0: not known
		want          time.Duration
	}{
		"by the expiry":                       {0, time.Hour, 40 * time.Minute},
		"by nothing":                          {0, 0, 10 * time.Minute},
		"by refresh":                          {time.Minute, 0, time.Minute},
		"by refresh, before the expiry":       {time.Minute, time.Hour, time.Minute},
		"by the expiry, before refresh":       {time.Hour, time.Minute, 40 * time.Second},
		"not at once, however short the life": {0, time.Millisecond, minPause},
	} {
		k := New("k", []string{"sh"}, tt.refresh, "")
		k.early = 0
		if !k.due().IsZero() {
			t.Errorf("%s: not due at the start", name)
		}
		l := Login{Number: 1, Got: now}
		if tt.life > 0 {
			l.Expires = now.Add(tt.life)
		}
		k.adopt(l)
		if got := k.due().Sub(now); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
		if k.early = 0.1; tt.want != minPause {
			if got := k.due().Sub(now); got != tt.want*9/10 {
				t.Errorf("%s, early: got %v", name, got)
			}
		}
		k.Set([]string{"other"}, tt.refresh)
		if !k.due().IsZero() {
			t.Errorf("%s: another command is not due", name)
		}
	}
	for n := 1; n < 100; n++ {
		if got := backoff(n); got < 500*time.Millisecond || got > maxPause || n == 1 && got > time.Second {
			t.Errorf("backoff(%d) is %v", n, got)
		}
	}
}

// Run gets logins one after the other, each before the last expires, and gives each to the others.
func TestRun(t *testing.T) {
	t.Parallel()
	v, k := newVault(t)
	v.password("one", 6*time.Second) // some for a shell to begin, and the next one is due after less than four
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx) }()
	await := func(what string) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			v.mu.Lock()
			has := strings.Contains(strings.Join(v.told, ","), what)
			v.mu.Unlock()
			if has {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("not told %q", what)
			}
		}
	}
	await("use one")
	v.password("two", time.Hour)
	await("use two")
	if l, err := k.held(); err != nil || l.Password != "two" {
		t.Errorf("%v %v", l, err)
	}
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, []byte("echo '{\"password\":\"three\"}'"), 0o600); err != nil {
		t.Fatal(err)
	}
	k.Set([]string{"/bin/sh", other}, time.Minute)
	await("use three")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
