package upstream

// Credentials that expire: those of a new connection, and AUTH on the living ones.

import (
	"context"
	"errors"
	"time"

	"redis-relay/relay/resp"
	"redis-relay/relay/upstream/credentials"
)

// authTimeout is for the answer to AUTH. It is longer than a session without answers lasts.
const authTimeout = 15 * time.Second

// login returns the user and the password for a new connection; none, if they do not change.
func (o *Options) login(ctx context.Context) (credentials.Login, error) {
	if o.Credentials == nil {
		return credentials.Login{}, nil
	}
	return o.Credentials.Get(ctx)
}

// judge tells the credentials what Redis thinks of a login, and returns the error of its connection, without the
// password.
func (o *Options) judge(l credentials.Login, err error) error {
	switch {
	case o.Credentials == nil:
	case err == nil:
		o.Credentials.Taken(l)
	case isBadLogin(err.Error()):
		o.Credentials.Refused(l, err)
	}
	return l.Hide(err)
}

// authWords is the command that gives Redis a login.
func authWords(l credentials.Login) []any {
	if l.User == "" {
		return []any{"AUTH", l.Password}
	}
	return []any{"AUTH", l.User, l.Password}
}

// Authenticate gives Redis a login over the living session, in order with all other commands: subscriptions stay, and
// nothing waits. It waits for the answer, at most 15 s, and tells whether Redis has taken the login. Without a session,
// or an answer, it has not: the next one begins with the login that Options.Credentials has then. The error is that of
// Redis, or ctx's cause. It may be called from any goroutine but the loop.
func (c *Connection) Authenticate(ctx context.Context, l credentials.Login) (taken bool, err error) {
	answered := make(chan error, 1)
	c.loop.Post(func() {
		c.login = l
		if s := c.backlog.session; s != nil {
			s.authenticate(l, func(err error) { answered <- err })
			return
		}
		answered <- ErrDown
	})
	timer := time.NewTimer(authTimeout)
	defer timer.Stop()
	select {
	case err = <-answered:
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case <-timer.C:
		return false, nil // the session is about to end
	}
	if isRefusal(err) {
		return false, err
	}
	return err == nil, nil // else the session has ended
}

// authenticate sends AUTH. done gets the answer, or why there is none.
func (s *session) authenticate(l credentials.Login, done func(error)) {
	c := s.connection
	s.seal(&c.backlog)
	s.send(AnswerFunc(func(_ resp.Value, err error) {
		if isRefusal(err) && c.login.Number == l.Number {
			c.login = credentials.Login{}
		}
		done(err)
	}), authWords(l)...)
}

// catchUp gives Redis the login that was meant for a session while this one was made with an older one.
func (s *session) catchUp(made credentials.Login) {
	l, keeper := s.connection.login, s.connection.opts.Credentials
	if l.Number <= made.Number {
		return
	}
	s.authenticate(l, func(err error) {
		switch {
		case err == nil:
			keeper.Taken(l)
		case isRefusal(err):
			keeper.Refused(l, err)
		}
	})
}

func isRefusal(err error) bool {
	var refused ReplyError
	return errors.As(err, &refused)
}

// Authenticate gives Redis a login over the connection, if there is one, behind the command under way. If Redis refuses
// it, or ctx ends, the next command makes a new connection.
func (r *Reader) Authenticate(ctx context.Context, l credentials.Login) {
	if r.begin(ctx) != nil {
		return
	}
	defer func() { <-r.turn }()
	if r.dropStale(); r.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, authTimeout)
	defer cancel()
	if v, err := r.ask(ctx, authWords(l)); err != nil || v.Type == '-' {
		r.drop()
	}
}
