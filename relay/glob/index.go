package glob

// Which of many patterns match a name.

import "iter"

// Index finds patterns by the literal text that they begin with: a name is compared only with those whose text it
// begins with. Each has a value. Only one goroutine may use it at a time.
type Index[T any] struct {
	byPrefix map[string]map[string]T // literal text → pattern → its value
	lengths  map[int]int             // bytes of literal texts → how many texts
}

// NewIndex returns an empty Index.
func NewIndex[T any]() Index[T] { return Index[T]{map[string]map[string]T{}, map[int]int{}} }

// Add adds a pattern, or gives it another value.
func (x *Index[T]) Add(pattern string, value T) {
	prefix := string(Literal([]byte(pattern)))
	same := x.byPrefix[prefix]
	if same == nil {
		same = map[string]T{}
		x.byPrefix[prefix] = same
		x.lengths[len(prefix)]++
	}
	same[pattern] = value
}

// Remove removes a pattern, if it is there.
func (x *Index[T]) Remove(pattern string) {
	prefix := string(Literal([]byte(pattern)))
	same, has := x.byPrefix[prefix]
	if delete(same, pattern); !has || len(same) > 0 {
		return
	}
	delete(x.byPrefix, prefix)
	if x.lengths[len(prefix)]--; x.lengths[len(prefix)] == 0 {
		delete(x.lengths, len(prefix))
	}
}

// Matching yields the patterns that match a name, with their values.
func (x *Index[T]) Matching(name []byte) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		for n := range x.lengths {
			if n > len(name) {
				continue
			}
			for pattern, value := range x.byPrefix[string(name[:n])] {
				if Match([]byte(pattern), name) && !yield(pattern, value) {
					return
				}
			}
		}
	}
}

// Len returns the number of patterns.
func (x *Index[T]) Len() (n int) {
	for _, same := range x.byPrefix {
		n += len(same)
	}
	return n
}
