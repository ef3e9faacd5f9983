package needs

// The settings of a Redis that matter to a relay.

import (
	"fmt"
	"slices"
	"strings"

	"redis-relay/relay/upstream"
)

// server is what a Redis tells about itself.
type server struct {
	info   map[string]string // INFO; nil: it is not allowed
	number string            // the version, which HELLO tells, too
	buffer []string          // client-output-buffer-limit pubsub: hard and soft limit in bytes, seconds; nil: not known
}

// readServer asks. The error is the end of the connection.
func readServer(redis *upstream.Inquiry) (*server, error) {
	s := &server{}
	text, err := redis.Do("INFO")
	if !isReply(err) {
		return nil, err
	}
	if all, ok := text.(string); ok {
		s.info = map[string]string{}
		for line := range strings.Lines(all) {
			if name, value, found := strings.Cut(strings.TrimSpace(line), ":"); found {
				s.info[name] = value
			}
		}
	}
	hello, err := redis.Do("HELLO")
	if !isReply(err) {
		return nil, err
	}
	s.number = valueOf(hello, "version")
	answer, err := redis.Do("CONFIG", "GET", "client-output-buffer-limit")
	if !isReply(err) {
		return nil, err
	}
	if list, ok := answer.([]any); ok && len(list) == 2 {
		s.buffer = pubsubOf(fmt.Sprint(list[1]))
	}
	return s, nil
}

// valueOf finds the value of a key in a map, which is a list of both in turn.
func valueOf(answer any, key string) string {
	list, _ := answer.([]any)
	for i := 0; i+1 < len(list); i += 2 {
		if list[i] == key {
			return fmt.Sprint(list[i+1])
		}
	}
	return ""
}

// pubsubOf finds the three numbers of the class pubsub.
func pubsubOf(limits string) []string {
	_, rest, found := strings.Cut(limits, "pubsub ")
	if list := strings.Fields(rest); found && len(list) >= 3 {
		return list[:3]
	}
	return nil
}

// major and minor are of the version; 0: it is not known.
func (s *server) version() (major, minor int) {
	_, _ = fmt.Sscanf(s.number, "%d.%d", &major, &minor)
	return major, minor
}

func (s *server) major() int {
	major, _ := s.version()
	return major
}

// report tells the settings, and what follows from them.
func (s *server) report(r *Report, c *Config, largest int64) {
	r.fact("protocol", "RESP3")
	s.reportBuffer(r, largest)
	s.reportVersion(r, c)
	if s.info == nil {
		r.fact("role", "not known: this user may not use INFO")
		return
	}
	s.reportRole(r, c)
	if c.HasHistory() {
		s.reportMemory(r)
		s.reportDisk(r)
	}
}

func (s *server) reportVersion(r *Report, c *Config) {
	r.fact("version", s.number)
	major, minor := s.version()
	old := major == 6 && minor < 2
	switch {
	case old && c.HasHistory():
		r.fail("version", "history needs Redis 6.2 or newer; no message with history can be published")
	case major == 6 && slices.ContainsFunc(c.Routes, func(r Route) bool { return r.Sharded }):
		r.fail("version", "shard channels came with Redis 7.0; nobody can use the channels of routes that say sharded: true")
	case major == 6:
		r.fact("shards", "none before Redis 7.0: clients get its error for SSUBSCRIBE and SPUBLISH")
	}
}

func (s *server) reportRole(r *Report, c *Config) {
	r.fact("role", s.info["role"])
	if s.info["role"] == "slave" {
		r.warn("role", "this Redis is a replica: what is published here reaches no other server, and nothing can be kept; "+
			"name the master in redis.url")
	}
	if s.info["cluster_enabled"] == "1" && !c.Cluster {
		r.warn("cluster", "this Redis is a node of a cluster, which the relay treats as a single Redis: shard channels and "+
			"histories on other nodes cannot be reached, and counts are those of this node; without history, write cluster "+
			"in redis.mode")
	}
}

func (s *server) reportBuffer(r *Report, largest int64) {
	if s.buffer == nil {
		r.fact("pubsub buffer", "not known: this user may not use CONFIG GET")
		return
	}
	hard, soft := number(s.buffer[0]), number(s.buffer[1])
	r.fact("pubsub buffer", fmt.Sprintf("%d bytes, or %d for %s s; 0: no limit", hard, soft, s.buffer[2]))
	if hard > 0 && hard < 2*largest {
		r.warn("client-output-buffer-limit", fmt.Sprintf("Redis ends the relay's connection when %d bytes wait for it, and "+
			"one message may have limits.payload (%d): raise the limit of the class pubsub, or lower limits.payload",
			hard, largest))
	}
}

// reportMemory is about what Redis does when its memory is full.
func (s *server) reportMemory(r *Report) {
	most, policy := number(s.info["maxmemory"]), s.info["maxmemory_policy"]
	if most == 0 {
		r.fact("memory", "maxmemory is not set; maxmemory-policy "+policy)
		return
	}
	r.fact("memory", fmt.Sprintf("maxmemory %d bytes, maxmemory-policy %s", most, policy))
	if policy != "noeviction" {
		r.warn("maxmemory-policy", "at "+policy+" Redis removes whole histories when its memory is full, which readers are "+
			"not told; set it to noeviction, or use another Redis for history")
	}
}

// reportDisk is about what a restart of Redis leaves.
func (s *server) reportDisk(r *Report) {
	if s.info["aof_enabled"] == "1" {
		r.fact("disk", "appendonly yes")
		return
	}
	r.fact("disk", "appendonly no")
	r.warn("appendonly", "a restart of Redis loses the histories, or what came since its last snapshot; set appendonly "+
		"yes if they must outlive it")
}
