package upstream

// Credentials that expire: AUTH on the living connections, in order with other commands.

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/upstream/credentials"
)

// echo is a helper that prints its argument.
func echo(text string) *credentials.Keeper {
	return credentials.New("redis.credentials.command", []string{"/bin/echo", text}, 0, "")
}

// users returns the users of the connections at Redis, by the ends of their names and their ids.
func users(redis *redistest.Server) map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(redis.MustDo("CLIENT", "LIST").Str) {
		name := field(line, "name")
		if role := name[strings.LastIndexByte(name, ':')+1:]; role == "sub" || role == "read" {
			found[role+" "+field(line, "id")] = field(line, "user")
		}
	}
	return found
}

// Both connections change their user; a login that Redis refuses changes nothing. With Sentinel the credentials are for
// the master alone: the sentinel here knows neither user.
func TestAuthenticate(t *testing.T) {
	t.Parallel()
	single, group := redistest.Start(t), redistest.StartSentinels(t, 1, 1, "")
	for mode, redis := range map[string]*redistest.Server{"single": single, modeSentinel: group.Servers[0]} {
		t.Run(mode, func(t *testing.T) {
			url := redis.URL()
			if mode == modeSentinel {
				url = group.URL()
			}
			redis.MustDo("ACL", "SETUSER", "one", "on", ">sesame1", "~*", "&*", "+@all")
			redis.MustDo("ACL", "SETUSER", "two", "on", ">sesame2", "~*", "&*", "+@all")
			opts := testOptions(url)
			opts.Mode, opts.Credentials = mode, echo(`{"username":"one","password":"sesame1"}`)
			c := connect(t, opts, "a")
			r := newReader(t, opts)
			c.awaitUp(1)
			if _, err := r.Do(t.Context(), "PING"); err != nil {
				t.Fatal(err)
			}
			before := users(redis)
			taken, err := c.Authenticate(t.Context(), credentials.Login{User: "two", Password: "wrong", Number: 2})
			if taken || err == nil || !strings.HasPrefix(err.Error(), "WRONGPASS ") {
				t.Errorf("%v, %v", taken, err)
			}
			after := credentials.Login{User: "two", Password: "sesame2", Number: 3}
			if taken, err := c.Authenticate(t.Context(), after); !taken || err != nil {
				t.Errorf("%v, %v", taken, err)
			}
			r.Authenticate(t.Context(), after)
			now := users(redis)
			for client, user := range before {
				if user != "one" || now[client] != "two" {
					t.Errorf("%s was %s, is %s", client, user, now[client])
				}
			}
			if len(before) != 2 || len(now) != 2 {
				t.Errorf("%v, then %v", before, now)
			}
			if v, err := r.Do(t.Context(), "ACL", "WHOAMI"); v != "two" {
				t.Errorf("%v, %v", v, err)
			}
			r.Authenticate(t.Context(), credentials.Login{User: "two", Password: "wrong"}) // it connects anew
			if v, err := r.Do(t.Context(), "ACL", "WHOAMI"); v != "one" {
				t.Errorf("%v, %v", v, err)
			}
		})
	}
}

// A login that comes while there is no session is given to the next one, which was begun with an older one.
func TestLoginBetweenSessions(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.WithACL("one on >sesame1 ~* &* +@all", "two on >sesame2 ~* &* +@all", "default off"))
	proxy := redistest.NewProxy(t, redis.Addr())
	opts := testOptions("redis://" + proxy.Addr())
	opts.Credentials = echo(`{"username":"one","password":"sesame1"}`)
	c := connect(t, opts, "a")
	c.awaitUp(1)
	proxy.Refuse(true)
	proxy.Cut()
	redistest.Eventually(t, patience, "the session has ended", func() bool { return c.losses() == 1 })
	taken, err := c.Authenticate(t.Context(), credentials.Login{User: "two", Password: "sesame2", Number: 9})
	if taken || err != nil {
		t.Errorf("%v, %v", taken, err)
	}
	proxy.Refuse(false)
	c.awaitUp(2)
	redistest.Eventually(t, patience, "the user of the later login", func() bool {
		for client, user := range users(redis) {
			if strings.HasPrefix(client, "sub") && user == "two" {
				return true
			}
		}
		return false
	})
}

// A Redis that does not answer AUTH does not keep the relay from ending; nothing is asked over that connection again.
func TestReaderAuthenticateIsEnded(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	r := newReader(t, testOptions("redis://"+proxy.Addr()))
	if _, err := r.Do(t.Context(), "PING"); err != nil {
		t.Fatal(err)
	}
	proxy.Stall(true)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	r.Authenticate(ctx, credentials.Login{Password: "sesame", Number: 2})
	if took := time.Since(began); took > authTimeout/2 || r.conn != nil {
		t.Errorf("it took %v; the connection: %v", took, r.conn)
	}
}

// A Redis that has not answered AUTH in time has not refused the login.
func TestAuthenticateWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	c := prepare(t, testOptions("redis://none"), "") // its loop does not run
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		taken, err := c.Authenticate(t.Context(), credentials.Login{Password: "sesame", Number: 2})
		if took := time.Since(began); taken || err != nil || took != authTimeout {
			t.Errorf("%v, %v, after %v", taken, err, took)
		}
		if err := c.loop.Close(); err != nil { // it runs what was posted
			t.Error(err)
		}
	})
}

// A Redis that does not know AUTH quotes the password in the error of a connection.
func TestLoginIsNotQuoted(t *testing.T) {
	t.Parallel()
	opts := testOptions("redis://none")
	opts.Credentials = echo("{}")
	quoted := errors.New("ERR unknown command 'AUTH', with args beginning with: 'one' 'sesame1' ")
	err := opts.judge(credentials.Login{User: "one", Password: "sesame1", Number: 1}, quoted)
	if !errors.Is(err, quoted) || strings.Contains(err.Error(), "sesame") {
		t.Error(err)
	}
}
