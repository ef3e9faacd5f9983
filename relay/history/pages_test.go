package history

// Reading in pages, against what Redis answers at once.

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/stream"
	"redis-relay/relay/upstream"
)

// narrow is a Redis whose answers have at most so many entries, as if more were too
// large.
type narrow struct {
	*redistest.Client
	entries  int
	asked    int
	tooLarge int
}

func (n *narrow) Do(_ context.Context, args ...any) (any, error) {
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = fmt.Sprint(a)
	}
	v := n.Client.Do(words...)
	if err := v.Err(); err != nil {
		return nil, err
	}
	n.asked++
	if n.entries > 0 && strings.Count(v.String(), "payload") > n.entries {
		n.tooLarge++
		return nil, upstream.ErrTooLarge
	}
	return plain(v), nil
}

func (n *narrow) Eval(context.Context, *upstream.Script, []string, ...any) (any, error) {
	return nil, errors.New("not asked for")
}

func plain(v redistest.Value) any {
	if v.Type != '*' {
		return v.Str
	}
	list := make([]any, len(v.Elems))
	for i, elem := range v.Elems {
		list[i] = plain(elem)
	}
	return list
}

func anyNumber(int, int) error { return nil }

// text writes entries as an answer.
func text(list []stream.Entry) string {
	var b strings.Builder
	for _, e := range list {
		fmt.Fprintf(&b, "%v %s\n", e.ID, e.Fields)
	}
	return b.String()
}

// asText is the same of Redis's answer.
func asText(t *testing.T, v redistest.Value) string {
	t.Helper()
	if err := v.Err(); err != nil {
		t.Fatal(err)
	}
	list, err := ReadEntries(plain(v))
	if err != nil {
		t.Fatal(err)
	}
	return text(list)
}

// TestPagesAreOneAnswer: whatever the pages, and whatever they find too large, the
// answers are Redis's.
func TestPagesAreOneAnswer(t *testing.T) {
	redis := redistest.Start(t)
	c := redistest.Dial(t, "unix", redis.Socket())
	for channel, n := range map[string]int{"a": 1000, "b": 63, "c": 64, "d": 65, "e": 1} {
		c.Do("EVAL", `for i = 1, ARGV[1] do
			redis.call('XADD', KEYS[1], i .. '-1', 'payload', string.rep('x', i % 7)) end`, "1", Key(channel), strconv.Itoa(n))
	}
	c.Do("EVAL", `for i = 1, 40 do
		redis.call('XADD', KEYS[1], i .. '-1', 'payload', string.rep('x', i == 20 and 1000000 or 1)) end`, "1", Key("large"))
	for name, tt := range map[string]struct{ largest, entries int }{
		"as usual":               {1 << 20, 0},
		"one by one":             {upstream.MaxAnswer, 0},
		"larger than they may":   {1 << 20, 7},
		"none but single ones":   {1 << 20, 1},
		"of a relay that allows": {32 << 20, 0},
	} {
		t.Run(name, func(t *testing.T) {
			n := &narrow{Client: c, entries: tt.entries}
			p := Pages{n, PlainNames{}, time.Minute, func() int { return tt.largest }}
			for _, line := range []string{
				"XRANGE a - + 0", "XRANGE a - + 1", "XRANGE a - + 64", "XRANGE a - + 65", "XRANGE a - + 999", "XRANGE a - + 5000",
				"XRANGE a 5 900 0", "XRANGE a (5-1 900 0", "XREVRANGE a + - 0", "XREVRANGE a + - 100", "XREVRANGE a (900-1 5 0",
				"XRANGE c - + 0", "XRANGE d - + 0", "XRANGE large - + 0", "XREVRANGE large + - 30", "XRANGE none - + 0", "XRANGE a 5 4 0",
			} {
				w := strings.Fields(line)
				count, _ := strconv.Atoi(w[4])
				args := []string{w[0], Key(w[1]), w[2], w[3]}
				if count > 0 {
					args = append(args, "COUNT", w[4])
				}
				got, err := p.Range(t.Context(), stream.Range{Command: w[0], Channel: w[1], From: w[2], To: w[3], Count: count}, anyNumber)
				if want := asText(t, c.Do(args...)); err != nil || text(got) != want {
					t.Errorf("%s: got %d entries, %v, want %d", line, len(got), err, strings.Count(want, "\n"))
				}
			}
			for _, line := range []string{"a:0", "a:990", "a:1000", "a:$", "e:0 a:0", "a:5 b:0 none:0 c:0 d:0 a:900 a:1000 e:$ a:3 e:0"} {
				for _, count := range []int{0, 1, 64, 100} {
					p.compareXRead(t, c, line, count)
				}
			}
			if (n.tooLarge > 0) != (tt.entries > 0) || n.asked > 3000*17 {
				t.Errorf("%d questions, %d answers too large", n.asked, n.tooLarge)
			}
		})
	}
}

func (p *Pages) compareXRead(t *testing.T, c *redistest.Client, line string, count int) {
	t.Helper()
	var list []Cursor
	args, ids := []string{"XREAD", "COUNT", strconv.Itoa(count), "STREAMS"}, []string(nil)
	for word := range strings.FieldsSeq(line) {
		channel, after, _ := strings.Cut(word, ":")
		args, ids = append(args, Key(channel)), append(ids, after)
		id, _ := stream.ParseID([]byte(after), 0)
		if after != "$" && after != "0" {
			id.Seq, ids[len(ids)-1] = 1, after+"-1"
		}
		list = append(list, Cursor{channel, id, after == "$", nil})
	}
	var want []string
	for _, s := range c.Do(append(args, ids...)...).Elems {
		want = append(want, s.Elems[0].Str+asText(t, s.Elems[1]))
	}
	streams, err := p.Behind(t.Context(), list, count, anyNumber)
	var got []string
	for _, s := range streams {
		got = append(got, Key(s.Channel)+text(s.Entries))
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("XREAD COUNT %d %s: got %d streams, %v, want %d", count, line, len(got), err, len(want))
	}
}

// TestPagesEnd: an error of Redis, of a single entry that is too large and of whoever
// has enough ends the reading.
func TestPagesEnd(t *testing.T) {
	redis := redistest.Start(t)
	c := redistest.Dial(t, "unix", redis.Socket())
	c.Do("SET", Key("other"), "x")
	for range 200 {
		c.Do("XADD", Key("a"), "*", "payload", "0123456789")
	}
	n := &narrow{Client: c}
	p := Pages{n, PlainNames{}, time.Minute, func() int { return 1 << 20 }}
	if _, err := p.Range(t.Context(), stream.Range{Command: "XRANGE", Channel: "other", From: "-", To: "+", Count: 0}, anyNumber); err == nil || err.Error()[:9] != "WRONGTYPE" {
		t.Errorf("a string is read with %v", err)
	}
	enough := errors.New("enough")
	var told [][2]int
	list, err := p.Range(t.Context(), stream.Range{Command: "XRANGE", Channel: "a", From: "-", To: "+", Count: 0}, func(entries, bytes int) error {
		if told = append(told, [2]int{entries, bytes}); entries >= 63 {
			return enough
		}
		return nil
	})
	if want := [][2]int{{63, 63 * 117}}; !errors.Is(err, enough) || len(list) != 63 || !reflect.DeepEqual(told, want) {
		t.Errorf("got %d entries, %v, after %v", len(list), err, told)
	}
	if _, err := p.Behind(t.Context(), []Cursor{{Channel: "a"}}, 0, func(int, int) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	p.ReadConn = deaf{}
	if _, err := p.Range(t.Context(), stream.Range{Command: "XRANGE", Channel: "a", From: "-", To: "+", Count: 0}, anyNumber); !errors.Is(err, upstream.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	if _, err := p.Behind(t.Context(), []Cursor{{Channel: "a"}}, 9, anyNumber); !errors.Is(err, upstream.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

// deaf finds every answer too large.
type deaf struct{}

func (deaf) Do(context.Context, ...any) (any, error) { return nil, upstream.ErrTooLarge }
func (deaf) Eval(context.Context, *upstream.Script, []string, ...any) (any, error) {
	return nil, upstream.ErrTooLarge
}

var _ ReadConn = (*narrow)(nil)
