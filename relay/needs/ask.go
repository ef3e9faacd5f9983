package needs

// Asking Redis whether it allows something, without doing it.

import (
	"errors"
	"fmt"
	"strings"

	"redis-relay/relay/upstream"
)

// asker asks over one connection. It belongs to one goroutine.
type asker struct {
	redis  *upstream.Inquiry
	user   string
	dry    bool // ACL DRYRUN is allowed
	multi  bool // MULTI is allowed: a command in a transaction is judged, and then discarded
	config *Config
}

// newAsker finds out who the user is and which way of asking is open. The error is the end of the connection.
func newAsker(redis *upstream.Inquiry, user string, c *Config) (*asker, error) {
	a := &asker{redis: redis, user: user, config: c}
	name, err := redis.Do("ACL", "WHOAMI")
	if text, ok := name.(string); ok {
		a.user = text
	}
	if isReply(err) {
		var verdict any
		if verdict, err = redis.Do("ACL", "DRYRUN", a.user, "PING"); err == nil {
			a.dry = verdict == "OK"
		}
	}
	if isReply(err) && !a.dry {
		a.multi, err = a.tryMulti()
	}
	if isReply(err) {
		return a, nil
	}
	return nil, err
}

// way says for people how it is asked.
func (a *asker) way() string {
	if a.dry {
		return "ACL DRYRUN"
	}
	return "trying, with forms of the commands that change nothing"
}

// refusal returns the error with which Redis refuses a demand, in the words in which it would refuse the command;
// nil: it does not. err is the end of the connection.
func (a *asker) refusal(d *Demand) (refused, err error) {
	switch {
	case a.dry:
		refused, err = a.dryRun(d)
		if d.Right != "" && refused == nil && err == nil { // a managed service may refuse what its ACL allows
			return a.try(d.Command)
		}
		return refused, err
	case !d.publishes():
		return a.try(d.Command)
	case a.multi:
		return a.tryDiscarded(d.Command)
	}
	return a.tryNear(d)
}

// dryRun asks Redis 7 to judge a command.
func (a *asker) dryRun(d *Demand) (refused, err error) {
	v, err := a.redis.Do(append([]string{"ACL", "DRYRUN", a.user}, d.Command...)...)
	switch {
	case !isReply(err):
		return nil, err
	case err != nil && strings.Contains(err.Error(), "not found"): // it is renamed
		return fmt.Errorf("ERR unknown command '%s'", d.Name()), nil
	case err != nil || v == "OK":
		return nil, nil // an error is about the form
	}
	return fmt.Errorf("NOPERM %v", v), nil
}

// try carries out a command that changes nothing.
func (a *asker) try(command []string) (refused, err error) {
	_, err = a.redis.Do(command...)
	if !isReply(err) {
		return nil, err
	}
	refused = refusalOf(err)
	name, ok := strings.CutSuffix(command[0], "SUBSCRIBE")
	if ok && len(command) > 1 && refused == nil && !strings.HasSuffix(name, "UN") {
		_, err = a.redis.Do(name+"UNSUBSCRIBE", command[1])
		if !isReply(err) {
			return nil, err
		}
	}
	return refused, nil
}

// tryMulti reports whether transactions are allowed.
func (a *asker) tryMulti() (allowed bool, err error) {
	_, begun := a.redis.Do("MULTI")
	if begun != nil {
		return false, begun
	}
	_, err = a.redis.Do("DISCARD")
	if isReply(err) && err != nil {
		return false, errors.New("Redis allows MULTI and not DISCARD: allow +discard to this user")
	}
	return true, err
}

// tryDiscarded has a command judged in a transaction that is given up.
func (a *asker) tryDiscarded(command []string) (refused, err error) {
	if _, err := a.redis.Do("MULTI"); err != nil {
		return nil, err
	}
	_, queued := a.redis.Do(command...)
	if !isReply(queued) {
		return nil, queued
	}
	if _, err := a.redis.Do("DISCARD"); !isReply(err) {
		return nil, err
	}
	return refusalOf(queued), nil
}

// tryNear has the command judged by a publish on a channel of the relay's own that nobody listens to, and the channel
// by a subscription: an ACL has the same channels for both.
func (a *asker) tryNear(d *Demand) (refused, err error) {
	refused, err = a.try([]string{d.Name(), a.config.Prefix + probeChannel, ""})
	own := d.Rule == a.config.ownRule()
	if err != nil || refused != nil && upstream.MissingRule(refused, "") != "" || isUnknown(refused) || own {
		return refused, err
	}
	refused, err = a.try([]string{strings.TrimSuffix(d.Name(), "PUBLISH") + "SUBSCRIBE", d.Command[1]})
	if err != nil || refused == nil || upstream.MissingRule(refused, "") != "" {
		return nil, err // it is not allowed to listen, which is told elsewhere
	}
	return refused, nil
}

// isReply reports whether Redis answered, be it with an error.
func isReply(err error) bool {
	var reply upstream.ReplyError
	return err == nil || errors.As(err, &reply)
}

func isUnknown(refused error) bool { return upstream.Lacks(refused) || upstream.SplitsKeys(refused) }

// refusalOf returns the error if Redis does not carry out the command at all.
func refusalOf(err error) error {
	if Refuses(err) {
		return err
	}
	return nil
}
