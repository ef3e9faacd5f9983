package relay

// Names of what the relay tells, for those who listen to it.

import (
	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
)

// What is on the relay's own channels: see the packages that these are of.
type (
	Event  = notice.Event
	Reject = notice.Reject
	Who    = notice.Who
	Code   = policy.Code
)

// The relay's own channels, and the codes of its errors.
const (
	EventsChannel  = policy.EventsChannel
	RejectsChannel = policy.RejectsChannel

	Invalid   = policy.Invalid
	Denied    = policy.Denied
	TooLarge  = policy.TooLarge
	RateLimit = policy.RateLimit
)
