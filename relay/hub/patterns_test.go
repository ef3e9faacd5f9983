package hub

import (
	"fmt"
	"testing"

	"redis-relay/relay/resp"
)

// BenchmarkAudience: what a publish pays for the patterns that others listen to.
func BenchmarkAudience(b *testing.B) {
	for _, n := range []int{0, 100, 10_000} {
		b.Run(fmt.Sprintf("patterns=%d", n), func(b *testing.B) {
			h, r := newHub(b)
			m := newMember(b, 1<<20)
			var names []string
			for i := range n {
				names = append(names, fmt.Sprintf("user:%d:*", i))
			}
			if n > 0 {
				p := subscribe(h, m, resp.PMessage, names...)
				r.answerAll()
				p.want(b, 1, nil)
			}
			channel := []byte("user:42:typing")
			b.ReportAllocs()
			for b.Loop() {
				h.Audience(resp.Message, channel)
			}
		})
	}
}
