package relay

// Counts of a Redis Cluster, in which each node counts its own clients.

import (
	"redis-relay/relay/fleet"
	"redis-relay/relay/upstream"
)

// ask asks an upstream a question of PUBSUB. Of a cluster all nodes are asked: numbers are added, and lists joined.
func (s *side) ask(done func(v any, err error), args ...any) {
	if !s.isCluster() {
		s.redis.Do(done, args...)
		return
	}
	s.redis.AskAll(func(answers []any, err error) {
		if err != nil {
			done(nil, err)
			return
		}
		done(summed(answers), nil)
	}, args...)
}

// summed adds the numbers of several answers, or joins their lists without repeating a name.
func summed(answers []any) any {
	sum, names, seen := int64(0), []any{}, map[any]bool{}
	for _, a := range answers {
		switch a := a.(type) {
		case int64:
			sum += a
		case []any:
			for _, name := range a {
				if !seen[name] {
					seen[name] = true
					names = append(names, name)
				}
			}
		}
	}
	if len(names) > 0 {
		return names
	}
	return sum
}

// fleetRedis is how relays ask each other on the upstream.
func (s *side) fleetRedis() fleet.Redis {
	if s.isCluster() {
		return clusterFleet{s.redis}
	}
	return s.redis
}

// clusterFleet asks the nodes of a cluster one by one: a script would count one node's clients only.
type clusterFleet struct{ *upstream.Connection }

// Eval does what fleet's script does: it sends the question, ARGV 1 on channel ARGV 0, and counts who listens to that
// channel, and to each name. Relays are counted before the question is sent, so one that comes in between is not waited
// for.
func (f clusterFleet) Eval(_ *upstream.Script, _ []string, done func(v any, err error), args ...any) {
	counts := make([]any, len(args)/2) // of the channel, and of each name
	left := &gathering{unanswered: 3, done: func(err error) {
		if err != nil {
			done(nil, err)
			return
		}
		f.Do(func(_ any, err error) { done(counts, err) }, "PUBLISH", args[0], args[1])
	}}
	for _, command := range []string{"NUMSUB", "SHARDNUMSUB"} {
		ask, places := []any{"PUBSUB", command}, []int{}
		if command == "NUMSUB" {
			ask, places = append(ask, args[0]), append(places, 0)
		}
		for i := 2; i < len(args); i += 2 {
			if args[i] == command {
				ask, places = append(ask, args[i+1]), append(places, i/2)
			}
		}
		if len(places) == 0 {
			left.one(nil)
			continue
		}
		f.AskAll(func(answers []any, err error) {
			for i, sum := range addPairs(answers, len(places)) {
				counts[places[i]] = sum
			}
			left.one(err)
		}, ask...)
	}
	left.one(nil)
}

// addPairs adds the numbers in answers of names and numbers in turn.
func addPairs(answers []any, n int) []any {
	sums := make([]any, n)
	for i := range sums {
		sum := int64(0)
		for _, a := range answers {
			if list, ok := a.([]any); ok && len(list) == 2*n {
				one, _ := list[2*i+1].(int64)
				sum += one
			}
		}
		sums[i] = sum
	}
	return sums
}
