package relay

// How errors of the Redis side are worded for clients.

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"redis-relay/relay/history"
	"redis-relay/relay/names"
	"redis-relay/relay/policy"
	"redis-relay/relay/upstream"
)

// fromUpstream words an error of a publish. What Redis itself answered is passed on as it is, but
// for the name of the channel.
func fromUpstream(m *names.Map, channel string, err error) error {
	switch {
	case errors.Is(err, upstream.ErrBusy):
		return refuse(policy.Busy, channel, "too many publishes are waiting for Redis; try again later")
	case errors.Is(err, upstream.ErrDown):
		return refuse(policy.UpstreamDown, channel, "Redis cannot be reached; nothing was published, try again")
	case errors.Is(err, upstream.ErrUnknown):
		reason := "Redis did not answer; the message may have been published (" + cause(err) + ")"
		return refuse(policy.UpstreamDown, channel, reason)
	}
	return shardWords(m, channel, err)
}

// shardWords is localWords, which says why a Redis does not take a command about shard channels.
func shardWords(m *names.Map, channel string, err error) error {
	text := strings.ToUpper(fmt.Sprint(err))
	if upstream.Lacks(err) && (strings.Contains(text, "SSUBSCRIBE") || strings.Contains(text, "SPUBLISH")) {
		return fmt.Errorf("%w (this Redis has no shard channels, which came with Redis 7.0)", err)
	}
	return localWords(m, channel, err)
}

// notRead words an error of a question to Redis: one that changes nothing, so that it can be asked again.
func notRead(m *names.Map, channel string, err error) error {
	var entry *history.LargeEntry
	switch {
	case errors.As(err, &entry):
		return refuse(policy.TooLarge, entry.Channel, fmt.Sprintf(
			"%v; read up to it and behind it, or XDEL %s %v on Redis", entry, keyAtRedis(m, entry.Channel), entry.ID,
		))
	case errors.Is(err, upstream.ErrTooLarge):
		return refuse(policy.TooLarge, channel, err.Error()+"; read less at a time, with COUNT")
	case errors.Is(err, upstream.ErrDown), errors.Is(err, upstream.ErrUnknown), errors.Is(err, context.DeadlineExceeded):
		return refuse(policy.UpstreamDown, channel, "Redis does not answer; try again")
	case errors.Is(err, upstream.ErrBusy):
		return refuse(policy.Busy, channel, "too many questions are waiting for Redis; try again later")
	}
	return fromUpstream(m, channel, err)
}

func refuse(code policy.Code, channel, reason string) error {
	return &policy.Refusal{Code: code, Channel: channel, Reason: reason}
}

// cause returns the last error of a chain: the one with a fact in it.
func cause(err error) string {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		all := joined.Unwrap()
		return all[len(all)-1].Error()
	}
	return err.Error()
}
