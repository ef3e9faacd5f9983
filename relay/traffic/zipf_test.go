package traffic

// The figures, held to streams of which the truth is known.

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// zipf draws numbers below n: i with a chance that is proportional to 1/(i+1).
type zipf struct {
	sums   []float64 // of the chances, up to each number
	random *rand.Rand
}

func newZipf(n int) *zipf {
	z := &zipf{random: rand.New(rand.NewPCG(3, 4))}
	sum := 0.0
	for i := range n {
		sum += 1 / float64(i+1)
		z.sums = append(z.sums, sum)
	}
	return z
}

func (z *zipf) draw() int {
	return sort.SearchFloat64s(z.sums, z.random.Float64()*z.sums[len(z.sums)-1])
}

// rate is that of a number, of so many draws a second.
func (z *zipf) rate(i, perSecond int) float64 {
	return float64(perSecond) / float64(i+1) / z.sums[len(z.sums)-1]
}

// TestZipf has 1,000,000 channels: those that carry most are shown, with the right rates, within the memory that is
// promised.
func TestZipf(t *testing.T) {
	const channels, perSecond, seconds = 1_000_000, 100_000, 30
	z := newZipf(channels)
	prefix := strings.Repeat("long:", 100) // names are cut
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s := newScene(t)
	var name []byte
	s.seconds(seconds, func(int) {
		for range perSecond {
			name = strconv.AppendInt(append(name[:0], prefix...), int64(z.draw()), 10)
			s.In(name, 1, 100, 100)
		}
	})
	runtime.GC()
	runtime.ReadMemStats(&after)
	if took := int64(after.HeapAlloc) - int64(before.HeapAlloc); took > 5<<20 {
		t.Errorf("the table takes %d bytes", took)
	}
	if s.Len() > Capacity || s.Len() < Capacity/2 {
		t.Errorf("%d channels are kept", s.Len())
	}
	if got := s.Total().Count[InMessages]; got != seconds*perSecond {
		t.Errorf("%v messages in all, want %d", got, seconds*perSecond)
	}
	for i := range 20 {
		name := strconv.AppendInt([]byte(prefix), int64(i), 10)
		c, ok := s.Find(name)
		if want := z.rate(i, perSecond); !ok || !near(c.Rate[InMessages], want, 0.1) || !near(c.Usual[InMessages], want, 0.1) {
			t.Errorf("channel %d: %v/s, usually %v/s, want %.0f/s", i, c.Rate[InMessages], c.Usual[InMessages], want)
		}
		if !c.IsCut() || len(c.Name) != MaxName || c.Length != len(name) {
			t.Errorf("channel %d has a name of %d bytes, of %d", i, len(c.Name), c.Length)
		}
	}
	top := s.Top(InMessages, 20)
	for i, c := range top {
		if want := z.rate(i, perSecond); !near(c.Rate[InMessages], want, 0.1) {
			t.Errorf("place %d: %v/s, want %.0f/s", i, c.Rate[InMessages], want)
		}
	}
	if n := len(s.Top(InMessages, 2*Capacity)); n != s.Len() {
		t.Errorf("%d of %d channels can be shown", n, s.Len())
	}
	if len(top) != 20 {
		t.Errorf("%d channels are shown", len(top))
	}
}

// TestEachDimension keeps its heaviest channels, however light they are in the others, among 1,000,000 others.
func TestEachDimension(t *testing.T) {
	s := newScene(t)
	n := 0
	s.seconds(60, func(second int) {
		for range 16_667 {
			n++
			s.In(strconv.AppendInt(nil, int64(n), 10), 10, 100, 10)
			s.Out(strconv.AppendInt(nil, int64(-n), 10), 10, nil)
		}
		s.In([]byte("many"), 2000, 2000, 1)
		s.In([]byte("large"), 1, 200_000, 200_000)
		s.Out([]byte("many out"), 100, bot)
		for range 300 {
			s.Out([]byte("many out"), 1, bot)
		}
		s.Out([]byte("large out"), 20_000, bot)
		if second == 20 {
			s.Refused([]byte("refused"), bot)
			s.Dropped([]byte("dropped"), 3)
		}
	})
	for d, want := range []string{"many", "many out", "refused", "dropped", "large", "large out"} {
		top := s.Top(Dimension(d), 1)
		if len(top) != 1 || top[0].Name != want {
			t.Errorf("%s: %+v, want %s", Dimension(d), top, want)
		}
	}
	if c, _ := s.Find([]byte("dropped")); c.Count[Dropped] != 3 {
		t.Errorf("%v dropped", c.Count)
	}
	if c, _ := s.Find([]byte("refused")); c.Publisher != bot || c.Published.IsZero() {
		t.Errorf("refused by %+v", c.Publisher)
	}
	if c, _ := s.Find([]byte("large")); c.Largest != 200_000 || c.Mean != 200_000 {
		t.Errorf("largest %d, mean %v", c.Largest, c.Mean)
	}
}

// TestFollowsWhatIsHeavyNow: yesterday's channels give way.
func TestFollowsWhatIsHeavyNow(t *testing.T) {
	s := newScene(t)
	for hour := range 3 {
		s.seconds(200, func(int) {
			for c := range 6000 {
				s.in(fmt.Sprintf("%d:%d", hour, c), 1)
			}
			s.in(fmt.Sprintf("%d:heavy", hour), 1000)
		})
		if top := s.Top(InMessages, 1); top[0].Name != fmt.Sprintf("%d:heavy", hour) {
			t.Errorf("hour %d: %s is heaviest", hour, top[0].Name)
		}
		s.quiet(600)
	}
	if _, ok := s.Find([]byte("0:heavy")); ok {
		t.Error("the first hour is still there")
	}
}

// TestMinute is the course of the last 60 seconds.
func TestMinute(t *testing.T) {
	s := newScene(t)
	s.seconds(100, func(i int) { s.in("a", i) })
	c, _ := s.Find([]byte("a"))
	for i, n := range c.Minute {
		if int(n) != 40+i {
			t.Fatalf("the last minute is %v", c.Minute)
		}
	}
	s.now = s.now.Add(2 * Interval) // a tick that is late
	s.quiet(1)
	c, _ = s.Find([]byte("a"))
	if got := fmt.Sprint(c.Minute[55:]); got != "[98 99 0 0 0]" {
		t.Errorf("the last seconds are %s", got)
	}
}

// TestNames of dimensions are read as they are written.
func TestNames(t *testing.T) {
	for d := range Dimension(Dimensions) {
		if got, ok := ParseDimension(d.String()); !ok || got != d {
			t.Errorf("%s: got %v, %v", d, got, ok)
		}
	}
	if _, ok := ParseDimension("x"); ok {
		t.Error("x is a dimension")
	}
}

func TestSmallest(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for n := 1; n < 200; n++ {
		list := make([]float64, n)
		for i := range list {
			list[i] = float64(random.IntN(n))
		}
		sorted := append([]float64(nil), list...)
		sort.Float64s(sorted)
		k := random.IntN(n)
		if got := smallest(list, k); got != sorted[k] {
			t.Fatalf("place %d of %v is %v", k, sorted, got)
		}
	}
}
