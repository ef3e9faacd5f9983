package config

// This file holds the types that mirror relay.yaml and their built-in defaults.

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config is the whole configuration of a relay. Its fields are the keys of
// relay.yaml; the file at the root of the repository documents each.
type Config struct {
	Redis     Redis            `koanf:"redis"`     // the upstream named main
	Upstreams map[string]Redis `koanf:"upstreams"` // the others, by their names
	Socket    Socket           `koanf:"socket"`
	NATS      NATS             `koanf:"nats"`
	HTTP      HTTP             `koanf:"http"`
	Alerts    Alerts           `koanf:"alerts"`
	Traces    Traces           `koanf:"traces"`
	Log       Log              `koanf:"log"`
	Limits    Limits           `koanf:"limits"`

	DeadLetters DeadLetters `koanf:"dead_letters"`

	Schemas  Schemas  `koanf:"schemas"`
	Unrouted Unrouted `koanf:"unrouted"`
	Routes   []Route  `koanf:"routes"`

	File string // the file that was read; "" when there was none
	Dir  string // the folder relative paths were taken from; "." without a file

	source  Source            // what Load was given
	hasKeys bool              // the file is not empty
	sources map[string]string // key path -> where its value was written
}

// Redis says how the relay reaches Redis.
type Redis struct {
	Mode           RedisMode     `koanf:"mode"`
	URL            string        `koanf:"url"` // or EmbeddedRedis. May hold a password: print Redacted instead
	PasswordFile   string        `koanf:"password_file"`
	Credentials    Credentials   `koanf:"credentials"`
	Sentinel       Sentinel      `koanf:"sentinel"`
	TLS            TLS           `koanf:"tls"`
	Prefix         string        `koanf:"prefix"`          // of all names at Redis; "": none
	PublishTimeout time.Duration `koanf:"publish_timeout"` // how long a PUBLISH, and a question, waits for a lost Redis
	ProbeInterval  time.Duration `koanf:"probe_interval"`  // between two proofs of delivery
	AlertAfter     int           `koanf:"alert_after"`     // failed attempts in a row
	Required       bool          `koanf:"required"`        // without it the relay is not ready
}

// EmbeddedRedis is what redis.url says to have a Redis inside the relay, for
// development.
const EmbeddedRedis = "embedded"

// IsEmbedded reports whether the Redis is the one inside the relay.
func (r Redis) IsEmbedded() bool { return r.URL == EmbeddedRedis }

// Credentials names a program that prints the user and the password for Redis.
type Credentials struct {
	Command []string      `koanf:"command"` // program and arguments, which may be secrets; empty: there is none
	Refresh time.Duration `koanf:"refresh"` // longest time between two runs; 0: by the expiry
}

// Sentinel is how the relay authenticates to the sentinels themselves, with ModeSentinel.
type Sentinel struct {
	Username     string `koanf:"username"`      // "": the one in the URL, or none
	PasswordFile string `koanf:"password_file"` // "": the password in the URL, or none
}

// TLS names PEM files for the connection to Redis, each "" when not used.
type TLS struct {
	CA   string `koanf:"ca"`
	Cert string `koanf:"cert"`
	Key  string `koanf:"key"`
}

// Socket is the Unix socket that local clients connect to, and TCP beside it.
type Socket struct {
	Path      string   `koanf:"path"`
	Mode      string   `koanf:"mode"`       // octal text, "0660"
	Group     string   `koanf:"group"`      // name or number; "": the process's own
	AllowUIDs []uint32 `koanf:"allow_uids"` // both lists empty: whoever the mode lets in
	AllowGIDs []uint32 `koanf:"allow_gids"`

	TCP          string `koanf:"tcp"`           // host:port on which clients connect, too; "": off
	PasswordFile string `koanf:"password_file"` // of TCP; "": none
}

// FileMode returns Mode as permission bits. It fails with ErrInvalid on text
// that is not three octal digits, with or without a leading 0.
func (s Socket) FileMode() (fs.FileMode, error) {
	m, err := strconv.ParseUint(s.Mode, 8, 32)
	if err != nil || len(s.Mode) < 3 || len(s.Mode) > 4 || m > 0o777 {
		return 0, &KeyError{
			Reason: fmt.Sprintf(`%.20q is no file mode; write octal text such as "0660"`, s.Mode), Err: ErrInvalid,
		}
	}
	return fs.FileMode(m), nil
}

// NATS is the embedded NATS server.
type NATS struct {
	Listen    string `koanf:"listen"` // host:port; "": off
	TokenFile string `koanf:"token_file"`
	Leaf      Leaf   `koanf:"leaf"`
}

// Leaf makes the relay a leaf node of a NATS cluster.
type Leaf struct {
	URL         string `koanf:"url"`         // or several, with commas; "": off. May hold a password: print Redacted
	Credentials string `koanf:"credentials"` // file; "": as URL says
	CA          string `koanf:"ca"`          // PEM file; "": the system's authorities
}

// URLs returns the servers that URL names. An error does not quote it: it may hold a
// password.
func (l Leaf) URLs() ([]*url.URL, error) {
	var list []*url.URL
	for text := range strings.SplitSeq(l.URL, ",") {
		u, err := url.Parse(strings.TrimSpace(text))
		if err != nil {
			return nil, errors.New("is no URL; percent-encode special characters of the password, such as %2C for a comma")
		}
		list = append(list, u)
	}
	return list, nil
}

// HTTP serves health, metrics and a status page.
type HTTP struct {
	Listen    string   `koanf:"listen"`     // host:port; "": off
	Hosts     []string `koanf:"hosts"`      // names by which it may be asked; see relay.yaml
	TokenFile string   `koanf:"token_file"` // "": no token is asked for
	Payloads  bool     `koanf:"payloads"`   // show the beginning of refused payloads
	Pprof     bool     `koanf:"pprof"`      // serve /debug/pprof/
}

// Alerts says what raises alerts beside what the relay always tells of, and who is told of alerts beside listeners of
// relay:events.
type Alerts struct {
	Spike            Spike  `koanf:"spike"`
	Webhook          string `koanf:"webhook"`            // URL; "": none. It may hold a secret: print Redacted instead
	WebhookTokenFile string `koanf:"webhook_token_file"` // "": no token
}

// Traces says where spans of messages go, and of which.
type Traces struct {
	Endpoint string  `koanf:"endpoint"` // URL of an OTLP/HTTP receiver; "": off
	Sample   float64 `koanf:"sample"`   // share of messages without a parent that are traced, from 0 to 1
	Field    string  `koanf:"field"`    // top-level JSON field with the parent, as a W3C traceparent
}

// Log says what is logged and how it looks.
type Log struct {
	Level  LogLevel  `koanf:"level"`
	Format LogFormat `koanf:"format"`
}

// Spike is a channel that carries far more than usual: at least Floor messages/s, and at least Factor times its
// usual rate. A Factor of 0 switches off.
type Spike struct {
	Factor float64 `koanf:"factor"`
	Floor  float64 `koanf:"floor"` // messages/s
}

// Limits bound what local clients may use. All numbers are positive, but for
// QueueAge and CommandTimeout, which may be 0: none.
type Limits struct {
	Clients         int           `koanf:"clients"`          // connections on the socket and by TCP
	Subscriptions   int           `koanf:"subscriptions"`    // channels and patterns of one client
	Patterns        int           `koanf:"patterns"`         // patterns of one client
	Name            Size          `koanf:"name"`             // name of one channel, or one pattern
	PatternLength   Size          `koanf:"pattern_length"`   // of one pattern
	PatternPrefixes []string      `koanf:"pattern_prefixes"` // texts one of which a pattern begins with; empty: any
	Payload         Size          `koanf:"payload"`          // one message
	Queue           Size          `koanf:"queue"`            // output waiting for one client
	QueueAge        time.Duration `koanf:"queue_age"`        // how long it may wait
	Memory          Size          `koanf:"memory"`           // waiting and kept for all clients; see Buffer
	PublishWindow   int           `koanf:"publish_window"`   // publishes of one client waiting for Redis
	CommandTimeout  time.Duration `koanf:"command_timeout"`  // for one command to come in whole
}

// Buffer is how much each of the relay's own buffers may hold, unless it has a smaller
// bound: what waits for Redis, for a check, for missing history, or for NATS. With room
// for less than two messages a large one would hardly ever get in.
func (l Limits) Buffer() Size { return max(l.Memory/4, 2*l.Payload) }

// Schemas says where the JSON Schemas are. In the file it may be written as the folder alone.
type Schemas struct {
	Dir   string      `koanf:"dir"`   // folder of *.json
	Draft SchemaDraft `koanf:"draft"` // of files that name none; "": 2020-12, and $schema must name one if it is there
}

// SchemaDraft is a version of JSON Schema.
type SchemaDraft string

// The values of schemas.draft beside "".
const (
	SchemaDraft4    SchemaDraft = "4"
	SchemaDraft6    SchemaDraft = "6"
	SchemaDraft7    SchemaDraft = "7"
	SchemaDraft2019 SchemaDraft = "2019-09"
	SchemaDraft2020 SchemaDraft = "2020-12"
)

// RedisMode is the kind of Redis deployment.
type RedisMode string

// The values of redis.mode.
const (
	ModeSingle   RedisMode = "single"
	ModeSentinel RedisMode = "sentinel"
	ModeCluster  RedisMode = "cluster"
)

// LogLevel is the least severe level that is logged.
type LogLevel string

// The values of log.level.
const (
	LevelDebug LogLevel = "debug"
	LevelInfo  LogLevel = "info"
	LevelWarn  LogLevel = "warn"
	LevelError LogLevel = "error"
)

// LogFormat is the look of a log line.
type LogFormat string

// The values of log.format.
const (
	FormatConsole LogFormat = "console"
	FormatJSON    LogFormat = "json"
)

// Unrouted says what happens to channels that no route covers.
type Unrouted string

// The values of unrouted.
const (
	UnroutedAllow Unrouted = "allow"
	UnroutedDeny  Unrouted = "deny"
)

// maxPayload is the most that limits.payload may say. Redis itself takes 512 MiB;
// but a client's command may have 64 MiB, and as much may wait for Redis in all.
const maxPayload = 32 * MiB

// maxName is the most that limits.name may say: names are kept for as long as somebody
// listens.
const maxName = 64 * KiB

// maxPublishWindow is the most that limits.publish_window may say: in the 64 MiB that may
// wait for Redis in all there is no room for more, and a connection goes through its
// window to wait for what it has published.
const maxPublishWindow = 1 << 18

// Default returns the built-in defaults. They have no routes, and lack what nobody
// can guess: redis.url.
func Default() Config {
	return Config{
		Redis: Redis{
			Mode:           ModeSingle,
			PublishTimeout: 15 * time.Second,
			ProbeInterval:  2 * time.Second,
			AlertAfter:     5,
			Required:       true,
		},
		Socket: Socket{Path: "relay.sock", Mode: "0660"},
		HTTP:   HTTP{Listen: "127.0.0.1:9464"},
		Traces: Traces{Sample: 0.01, Field: "traceparent"},
		Log:    Log{Level: LevelInfo, Format: FormatConsole},
		Alerts: Alerts{Spike: Spike{Factor: 8, Floor: 50}},
		Limits: Limits{
			Clients:        10_000,
			Subscriptions:  100_000,
			Patterns:       1000,
			Name:           4 * KiB,
			PatternLength:  256,
			Payload:        1 * MiB,
			Queue:          8 * MiB,
			QueueAge:       30 * time.Second,
			Memory:         512 * MiB,
			PublishWindow:  1024,
			CommandTimeout: 10 * time.Second,
		},
		DeadLetters: DeadLetters{Length: 10_000, TTL: 7 * 24 * time.Hour, Rate: 1000},

		Schemas:  Schemas{Dir: "schemas"},
		Unrouted: UnroutedAllow,
		Dir:      ".",
	}
}
