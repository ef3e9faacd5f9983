package relay

// What Redis calls channels, by the rules of the moment, for questions and errors. The two data paths and the
// subscriptions translate names themselves.

import (
	"errors"
	"strings"
	"sync/atomic"

	"redis-relay/relay/history"
	"redis-relay/relay/names"
	"redis-relay/relay/upstream"
)

// atRedis is history.Names of one upstream.
type atRedis struct {
	*side
	rules *atomic.Pointer[rules]
}

// now returns the names of the moment.
func (a atRedis) now() *names.Map { return a.names(a.rules.Load()) }

// Key returns the key of a channel's stream.
func (a atRedis) Key(channel string) string { return keyAtRedis(a.now(), channel) }

func keyAtRedis(m *names.Map, channel string) string { return m.Of(history.KeyPrefix, channel) + "}" }

// Channel is the reverse of Key.
func (a atRedis) Channel(key string) (channel string, ok bool) {
	m := a.now()
	rest, ok := m.Cut([]byte(key))
	if !ok {
		return "", false
	}
	name, ok := history.PlainNames{}.Channel(string(rest))
	if !ok {
		return "", false
	}
	local, _, ok := m.Channel([]byte(name))
	return string(local), ok
}

// Keys returns the patterns of the streams' keys of the channels that a pattern matches.
func (a atRedis) Keys(pattern string) (list []string) {
	for _, p := range a.now().Patterns(history.KeyPrefix, pattern) {
		list = append(list, p+"}")
	}
	return list
}

// localWords has an error that Redis answered about a channel call that as clients do.
func localWords(m *names.Map, channel string, err error) error {
	var refused upstream.ReplyError
	if m == nil || !errors.As(err, &refused) {
		return err
	}
	text := strings.ReplaceAll(string(refused), keyAtRedis(m, channel), channel)
	if wire := m.Of("", channel); wire != channel {
		text = strings.ReplaceAll(text, wire, channel)
	}
	return upstream.ReplyError(text)
}

var _ history.Names = atRedis{}
