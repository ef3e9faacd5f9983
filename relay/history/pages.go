package history

// Reading streams for clients that do not wait: in pages, so that a large answer neither holds up the questions of
// others, nor is more than one connection takes at once.

import (
	"context"
	"errors"
	"slices"
	"time"

	"redis-relay/relay/stream"
	"redis-relay/relay/upstream"
)

const (
	usualPage = 64      // entries of a first page
	pageBytes = 4 << 20 // of the next ones, about
	entryRoom = 1 << 10 // bytes of an entry beside the message
)

// Pages reads streams. An answer of several pages is not of one moment: it may have entries that were
// added meanwhile, and lack entries that were trimmed meanwhile. Its methods may be
// called from any goroutine.
type Pages struct {
	ReadConn ReadConn
	Names    Names
	Patience time.Duration // for each page
	Largest  func() int    // bytes of one message, as a rule
}

// page is how many entries are asked for at a time: so few that they fit into one
// answer, and more when they turn out to be small.
type page struct{ entries, most int }

func (p *Pages) first() page {
	n := max(1, min(usualPage, upstream.MaxAnswer/(p.Largest()+entryRoom)))
	return page{n, 4 * n}
}

// learn adapts the page to the largest entry so far.
func (g *page) learn(largest int) { g.entries = max(1, min(g.most, pageBytes/max(1, largest))) }

// limit makes the page smaller, after entries that were larger than expected.
func (g *page) limit(entries int) { g.entries, g.most = max(1, entries), max(1, entries) }

// tally is how much has been read for an answer.
type tally struct{ entries, bytes int }

// add counts entries, and returns the bytes of the largest.
func (t *tally) add(list []stream.Entry) (largest int) {
	t.entries += len(list)
	for i := range list {
		size := list[i].Size()
		t.bytes += size
		largest = max(largest, size)
	}
	return largest
}

// Range returns entries in the order of the command. With an error of progress it returns
// the entries that were read before. Other errors are those of Redis, of upstream, or a LargeEntry.
func (p *Pages) Range(ctx context.Context, q stream.Range, progress stream.Progress) (list []stream.Entry, err error) {
	g, all := p.first(), tally{}
	for {
		n := atMost(g.entries, q.Count, len(list))
		v, err := p.do(ctx, q.Command, p.Names.Key(q.Channel), q.From, q.To, "COUNT", n)
		if errors.Is(err, upstream.ErrTooLarge) && n > 1 {
			g.limit(n / 4)
			continue
		}
		if err != nil {
			return nil, p.culprit(ctx, err, q)
		}
		entries, err := ReadEntries(v)
		if err != nil {
			return nil, err
		}
		list = append(list, entries...)
		g.learn(all.add(entries))
		if err := progress(all.entries, all.bytes); err != nil {
			return list, err
		}
		if len(entries) < n || len(list) == q.Count {
			return list, nil
		}
		q.From = "(" + entries[n-1].ID.String()
	}
}

// atMost bounds n by the entries that are still wanted (wanted is 0: all).
func atMost(n, wanted, read int) int {
	if wanted == 0 {
		return n
	}
	return min(n, wanted-read)
}

// Behind returns the entries behind cursors, as XREAD without BLOCK: at
// most count entries of each (0: all). Errors are as in Range.
func (p *Pages) Behind(
	ctx context.Context, list []Cursor, count int, progress stream.Progress,
) (found []stream.Result, err error) {
	all := tally{}
	parts := slices.Collect(slices.Chunk(list, p.first().entries))
	for len(parts) > 0 {
		part, before := parts[0], all
		streams, err := p.behind(ctx, part, count, &all, progress)
		if half := len(part) / 2; errors.Is(err, upstream.ErrTooLarge) && half > 0 {
			parts, all = slices.Replace(parts, 0, 1, part[:half], part[half:]), before
			continue
		}
		if err != nil {
			return nil, err
		}
		found, parts = append(found, streams...), parts[1:]
	}
	return found, nil
}

// behind reads a page of all streams together, then the next of those that have more.
func (p *Pages) behind(
	ctx context.Context, list []Cursor, count int, all *tally, progress stream.Progress,
) ([]stream.Result, error) {
	list = slices.Clone(list)
	streams := make([]stream.Result, len(list)) // of each position
	rest := make([]int, len(list))              // positions with more behind them
	for i := range list {
		rest[i], streams[i].Channel = i, list[i].Channel
	}
	g, read := p.first(), 0
	for len(rest) > 0 {
		n := atMost(max(1, g.entries/len(rest)), count, read)
		pages, err := p.xread(ctx, list, rest, n)
		if errors.Is(err, upstream.ErrTooLarge) && n > 1 {
			g.limit(n / 4 * len(rest))
			continue
		}
		if at := list[rest[0]]; err != nil && len(rest) == 1 {
			return nil, p.culprit(ctx, err, stream.Range{
				Command: "XRANGE", Channel: at.Channel, From: "(" + at.After.String(), To: "+", Count: 1,
			})
		}
		if err != nil {
			return nil, err
		}
		largest := 0
		more := rest[:0]
		for i, at := range rest {
			entries := list[at].cut(pages[i])
			largest = max(largest, all.add(entries))
			streams[at].Entries = append(streams[at].Entries, entries...)
			if len(entries) == n && (count == 0 || read+n < count) {
				list[at].After = entries[n-1].ID
				more = append(more, at)
			}
		}
		g.learn(largest)
		rest, read = more, read+n
		if err := progress(all.entries, all.bytes); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(streams, func(s stream.Result) bool { return len(s.Entries) == 0 }), nil
}

// xread reads up to n entries behind each of the positions numbered in which, and
// returns them in that order.
func (p *Pages) xread(ctx context.Context, list []Cursor, which []int, n int) ([][]stream.Entry, error) {
	args := make([]any, 0, 4+2*len(which))
	args = append(args, "XREAD", "COUNT", n, "STREAMS")
	for _, at := range which {
		args = append(args, p.Names.Key(list[at].Channel))
	}
	for _, at := range which {
		if list[at].Newest {
			args = append(args, "$")
			continue
		}
		args = append(args, list[at].After.String())
	}
	v, err := p.do(ctx, args...)
	if err != nil {
		return nil, err
	}
	answer, _ := v.([]any)
	pages := make([][]stream.Entry, len(which))
	for i, at := range which {
		if len(answer) == 0 {
			return pages, nil
		}
		key, entries, err := readStream(answer[0])
		if err != nil {
			return nil, err
		}
		// Of a channel that was asked for twice there may be one answer.
		if key == p.Names.Key(list[at].Channel) && !list[at].Newest && entries[0].ID.After(list[at].After) {
			pages[i], answer = entries, answer[1:]
		}
	}
	if len(answer) > 0 {
		return nil, errAnswer
	}
	return pages, nil
}

// readStream reads {key, {entry, ...}}, with one entry at least.
func readStream(v any) (key string, entries []stream.Entry, err error) {
	pair, _ := v.([]any)
	if len(pair) != 2 {
		return "", nil, errAnswer
	}
	key, _ = pair[0].(string)
	entries, err = ReadEntries(pair[1])
	if err == nil && len(entries) == 0 {
		err = errAnswer
	}
	return key, entries, err
}

// culprit returns a LargeEntry in place of upstream.ErrTooLarge: the entry that the range begins with.
// Other errors it returns as they are.
func (p *Pages) culprit(ctx context.Context, err error, q stream.Range) error {
	if !errors.Is(err, upstream.ErrTooLarge) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, p.Patience)
	defer cancel()
	v, failed := p.ReadConn.Eval(ctx, measureScript, []string{p.Names.Key(q.Channel)}, q.Command, q.From, q.To)
	parts, _ := v.([]any)
	if failed != nil || len(parts) != 3 {
		return err // or it is gone by now
	}
	large, failed := readLarge(q.Channel, parts)
	if failed != nil {
		return failed
	}
	return large
}

func (p *Pages) do(ctx context.Context, args ...any) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Patience)
	defer cancel()
	return p.ReadConn.Do(ctx, args...)
}
