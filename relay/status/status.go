package status

// What there is to know, as JSON has it.

import (
	"time"

	"redis-relay/relay/notice"
)

// Status is all that there is to know about a relay at one moment. Names end with their unit; a rate is per second.
type Status struct {
	Version   string     `json:"version"`
	Host      string     `json:"host"`
	PID       int        `json:"pid"`
	Time      time.Time  `json:"time"`
	Started   time.Time  `json:"started"`
	Ready     bool       `json:"ready"`
	Checks    []Check    `json:"checks"`
	Redis     Redis      `json:"redis"`
	Upstreams []Upstream `json:"upstreams,omitempty"` // all, main first; absent: redis is the only one
	Total     Flow       `json:"total"`               // since the start
	Rate      Flow       `json:"rate"`                // of the last whole second
	Seconds   []Second   `json:"seconds"`             // oldest first, at most MaxSeconds
	Routes    []Route    `json:"routes"`
	Channels  []Channel  `json:"channels"` // at most MaxChannels of each order
	Clients   Clients    `json:"clients"`
	Rejects   []Reject   `json:"rejects"` // newest first, at most MaxRejects of a route
	Events    []Event    `json:"events"`  // newest first, at most MaxEvents
	Alerts    []Alert    `json:"alerts"`  // those that stand, oldest first
	History   History    `json:"history"`
	NATS      *NATS      `json:"nats,omitempty"` // absent: off
	Config    Config     `json:"config"`
	Process   Process    `json:"process"`
}

// Bounds of the lists.
const (
	MaxClients  = 100
	MaxChannels = 100
	MaxRejects  = 5
	MaxEvents   = 50
	MaxSeconds  = 600
	MaxPayload  = 512 // bytes of the payload of a Reject

	// Who asks for at most LiveSeconds, asks again and again: it gets LiveChannels of each order.
	LiveSeconds  = 10
	LiveChannels = 25
)

// Check is one thing that may be wrong.
type Check struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Vital bool   `json:"vital"` // the relay is not ready without
	Text  string `json:"text"`
}

// Redis is the connection to Redis.
type Redis struct {
	Name        string   `json:"name"` // its address, without a password; or "embedded"
	Up          bool     `json:"up"`   // all wanted subscriptions are confirmed
	Missing     string   `json:"missing,omitempty"`
	Connections uint64   `json:"connections"`           // made since the start
	Lag         *float64 `json:"lag_seconds,omitempty"` // of the last probe: published, and delivered; absent: none yet
}

// Upstream is one of several Redises.
type Upstream struct {
	Upstream string `json:"upstream"` // its name in relay.yaml
	Required bool   `json:"required"` // the relay is not ready without
	Redis
	History History `json:"history"`
}

// Flow counts messages and their bytes. A figure that is not counted for a thing is absent.
type Flow struct {
	Received       float64 `json:"received"` // from Redis
	ReceivedBytes  float64 `json:"received_bytes"`
	Delivered      float64 `json:"delivered,omitempty"` // to local listeners, one for each
	Published      float64 `json:"published"`           // by local clients
	PublishedBytes float64 `json:"published_bytes"`
	Refused        float64 `json:"refused"`           // in both directions
	Dropped        float64 `json:"dropped,omitempty"` // of those delivered; a listener missed them
}

// Second is one second of the last ten minutes.
type Second struct {
	At   int64    `json:"at"` // its end, in seconds of Unix time
	Up   bool     `json:"up"` // Redis, at its end
	Lag  *float64 `json:"lag_seconds,omitempty"`
	Rate Flow     `json:"rate"`
}

// Route is a route of relay.yaml, or the one for channels that no other covers.
type Route struct {
	Name   string `json:"name"`
	Schema string `json:"schema,omitempty"`
	Total  Flow   `json:"total"`
	Rate   Flow   `json:"rate"`
}

// Channel is one of the channels with the most messages, bytes, rejects or drops.
type Channel struct {
	Name      string      `json:"name"`
	Cut       bool        `json:"cut,omitempty"` // the name is longer; only its beginning is known
	Route     string      `json:"route"`
	Total     Flow        `json:"total"` // since the relay watches it
	Rate      Flow        `json:"rate"`
	Usual     Flow        `json:"usual"` // the rate of the last minutes
	Mean      float64     `json:"mean_bytes"`
	Largest   int         `json:"largest_bytes"`
	Publisher *notice.Who `json:"publisher,omitempty"` // the last one on this host
	Listeners int         `json:"listeners"`           // on this host
	Seconds   []float64   `json:"seconds"`             // messages in each of the last 60 s, oldest first
}

// Clients are the connections on the socket.
type Clients struct {
	Connected int      `json:"connected"`
	List      []Client `json:"list"` // those with the most that waits first, at most MaxClients
}

// Client is a connection on the socket.
type Client struct {
	notice.Who
	Library       string  `json:"library,omitempty"`
	Age           float64 `json:"age_seconds"`
	Idle          float64 `json:"idle_seconds"`
	Queued        int     `json:"queued_bytes"`   // output that waits for it
	QueuedFor     float64 `json:"queued_seconds"` // how long the oldest of it waits, about
	Kept          int     `json:"kept_bytes"`     // for its subscriptions and unfinished commands
	Dropped       uint64  `json:"dropped"`        // messages that it missed
	Subscriptions int     `json:"subscriptions"`  // channels, patterns and shard channels
	Command       string  `json:"command"`        // the last one
}

// Reject is a refused message.
type Reject struct {
	notice.Reject
	Payload string `json:"payload,omitempty"` // its beginning, at most MaxPayload bytes, with http.payloads
}

// Event is what relay:events told.
type Event struct {
	notice.Event
	Level string `json:"level"`
	Text  string `json:"text"`         // what the log says
	Do    string `json:"do,omitempty"` // what to do
}

// Alert is something that is wrong and has not ended.
type Alert struct {
	Kind  string       `json:"kind"`
	Since time.Time    `json:"since"`
	Text  string       `json:"text"`
	Do    string       `json:"do,omitempty"`
	About notice.Event `json:"about"`
}

// History is about channels with history.
type History struct {
	Channels int    `json:"channels"`
	Behind   int    `json:"behind"`  // of which entries are missing at this moment
	Readers  int    `json:"readers"` // that wait in XREAD BLOCK
	Healed   uint64 `json:"healed"`  // entries that listeners got after a loss
	Gaps     uint64 `json:"gaps"`    // that stayed
}

// Add adds the figures of another upstream.
func (h *History) Add(o History) {
	h.Channels += o.Channels
	h.Behind += o.Behind
	h.Readers += o.Readers
	h.Healed += o.Healed
	h.Gaps += o.Gaps
}

// NATS is the gateway for NATS clients.
type NATS struct {
	Clients       int    `json:"clients"`
	Subscriptions int    `json:"subscriptions"`
	Delivered     uint64 `json:"delivered"`
	Dropped       uint64 `json:"dropped"`
	Leaf          bool   `json:"leaf"` // this relay is the leaf node of a cluster
}

// Config is the configuration.
type Config struct {
	File    string     `json:"file,omitempty"` // absent: the built-in defaults
	Loaded  time.Time  `json:"loaded"`
	Changes []string   `json:"changes"`           // of the last reload
	Refused *time.Time `json:"refused,omitempty"` // when a later one was refused
	Cause   string     `json:"cause,omitempty"`   // why
}

// Process is the process of the relay.
type Process struct {
	CPU         float64 `json:"cpu_seconds"`
	Resident    int64   `json:"resident_bytes"` // 0: not known
	Goroutines  int     `json:"goroutines"`
	Queued      int64   `json:"queued_bytes"`       // output that waits for clients
	Kept        int64   `json:"subscription_bytes"` // kept for what clients listen to
	Limit       int64   `json:"limit_bytes"`        // limits.memory
	LongestTurn float64 `json:"longest_turn_seconds"`
}
