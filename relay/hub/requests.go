package hub

// The commands that subscribe and unsubscribe names at Redis, and what Redis answers.

import (
	"slices"

	"redis-relay/relay/resp"
)

// namesPerCommand is how many names one SUBSCRIBE or UNSUBSCRIBE has at most: enough that 100,000 channels are few
// commands, and so few that Redis serves others in between.
const namesPerCommand = 500

// requests sends the commands, and notes in the topics what was asked and what Redis has answered.
type requests struct {
	topics          *registry
	messages        *dispatcher
	namesPerCommand int
}

// subscribe asks Redis for names, and calls done when Redis has answered for all of them, with the first error.
func (r *requests) subscribe(kind resp.Kind, names []string, done func(lost bool, refused error)) {
	answered := AfterAll((len(names)+r.namesPerCommand-1)/r.namesPerCommand, done)
	for part := range slices.Chunk(names, r.namesPerCommand) {
		r.subscribePart(kind, part, answered)
	}
}

// AfterAll returns what to call with each of n answers of an Upstream. done is called with the last one, and the first
// error.
func AfterAll(n int, done func(lost bool, refused error)) func(lost bool, refused error) {
	var first error
	return func(lost bool, refused error) {
		if first == nil {
			first = refused
		}
		if n--; n == 0 {
			done(lost, first)
		}
	}
}

// subscribePart asks for the names of one command. If Redis refuses it, each name is asked for alone, to learn
// which one Redis refuses.
func (r *requests) subscribePart(kind resp.Kind, names []string, done func(lost bool, refused error)) {
	for _, name := range names {
		t := r.topics.topics[kind][name]
		t.requested, t.refused = true, nil
		t.unanswered++
	}
	r.topics.up.Subscribe(kind, names, func(lost bool, refused error) {
		for _, name := range names {
			t := r.topics.topics[kind][name]
			t.unanswered--
			if !lost && refused == nil {
				t.confirmed = true
			}
		}
		switch {
		case refused == nil:
		case len(names) > 1:
			r.subscribeEach(kind, names, done)
			return
		default:
			r.noteRefused(kind, names[0], refused)
		}
		r.topics.forgetAllUnused(kind, names)
		done(lost, refused)
	})
}

// subscribeEach asks for names one by one, as far as they are wanted and no later command for them is
// unanswered.
func (r *requests) subscribeEach(kind resp.Kind, names []string, done func(lost bool, refused error)) {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		t := r.topics.topics[kind][name]
		defer r.topics.forgetUnused(kind, name, t)
		return t.wanted == 0 || t.unanswered > 0
	})
	if len(names) == 0 {
		done(false, nil)
		return
	}
	answered := AfterAll(len(names), done)
	for _, name := range names {
		r.subscribePart(kind, []string{name}, answered)
	}
}

// noteRefused notes that Redis does not let a name be subscribed, unless it was asked for again since. Pending
// subscriptions to it are refused when their own answer comes; listeners that had it before the connection was
// lost are disconnected.
func (r *requests) noteRefused(kind resp.Kind, name string, err error) {
	r.messages.FanOut()
	r.topics.up.Refused(kind, name, err)
	t := r.topics.topics[kind][name]
	if t.requested && t.unanswered > 0 {
		return
	}
	t.requested, t.refused = false, err
	t.disconnect(ReasonRefused)
}

// unsubscribe has Redis end names, and calls done when Redis has answered for all of them.
func (r *requests) unsubscribe(kind resp.Kind, names []string, done func(lost bool)) {
	answered := AfterAll((len(names)+r.namesPerCommand-1)/r.namesPerCommand, func(lost bool, _ error) { done(lost) })
	for part := range slices.Chunk(names, r.namesPerCommand) {
		for _, name := range part {
			r.topics.topics[kind][name].unanswered++
		}
		r.topics.up.Unsubscribe(kind, part, func(lost bool, _ error) {
			r.messages.FanOut()
			for _, name := range part {
				t := r.topics.topics[kind][name]
				t.unanswered--
				t.confirmed = false
			}
			if !lost {
				for _, name := range part {
					r.topics.up.Interrupted(kind, name)
				}
			}
			answered(lost, nil)
			r.topics.forgetAllUnused(kind, part)
		})
	}
}
