package credentials

// A user and a password, and how they are read from what a helper prints.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Login is a user and a password. Printed by fmt, it does not show the password.
type Login struct {
	User     string // empty: Redis's default user
	Password string
	Got      time.Time // when the helper had printed it
	Expires  time.Time // zero: not known
	Number   uint64    // of the logins of a Keeper, from 1; 0: there is none
}

// String returns the user alone.
func (l Login) String() string { return fmt.Sprintf("login %d of user %q", l.Number, l.User) }

// GoString is String, so that %#v shows no password either.
func (l Login) GoString() string { return l.String() }

// holds tells whether there is a login that has not expired.
func (l Login) holds(now time.Time) bool {
	return l.Number > 0 && (l.Expires.IsZero() || now.Before(l.Expires))
}

// form is what a helper has to print, for errors.
const form = `{"username": "...", "password": "...", "expiresAt": "2030-01-02T15:04:05Z"}, ` +
	`where username and expiresAt may be absent`

var (
	errNothing    = errors.New("printed nothing; it must print " + form)
	errNoObject   = errors.New("printed something else than one JSON object; it must print " + form)
	errNoPassword = errors.New(`printed no "password", or an empty one; it must print ` + form)
)

// parse reads what a helper has printed. Its errors quote nothing of it. user stands in for a user that is absent.
func parse(printed []byte, user string, now time.Time) (Login, error) {
	if len(bytes.TrimSpace(printed)) == 0 {
		return Login{}, errNothing
	}
	var object map[string]json.RawMessage // a struct would take keys in other letters, too
	if err := json.Unmarshal(printed, &object); err != nil || object == nil {
		return Login{}, errNoObject
	}
	l := Login{User: user, Got: now}
	var expires string
	for _, field := range []struct {
		name string
		to   *string
	}{{"username", &l.User}, {"password", &l.Password}, {"expiresAt", &expires}} {
		if raw, there := object[field.name]; there && json.Unmarshal(raw, field.to) != nil {
			return Login{}, fmt.Errorf("printed JSON in which %q is no text; it must print %s", field.name, form)
		}
	}
	if l.Password == "" {
		return Login{}, errNoPassword
	}
	return l, l.expire(expires)
}

// expire sets when the login expires.
func (l *Login) expire(text string) (err error) {
	if text == "" {
		return nil
	}
	if l.Expires, err = time.Parse(time.RFC3339, text); err != nil {
		return errors.New(`printed an "expiresAt" that is no time as in RFC 3339, such as 2030-01-02T15:04:05Z`)
	}
	if !l.Got.Before(l.Expires) {
		return fmt.Errorf("printed credentials that have expired: expiresAt is %s, and the clock of this host says %s",
			l.Expires.UTC().Format(time.RFC3339), l.Got.UTC().Format(time.RFC3339))
	}
	return nil
}
