package evolve

// Making a message small.

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// maxShrinks bounds how many messages are tried.
const maxShrinks = 5000

// shrink returns the smallest message it finds that breaks what the given one does: no part of it can be left out or
// made simpler by itself, unless the time was too short to try.
func shrink(message any, breaks func([]byte) bool, until time.Time) []byte {
	tries := 0
	for {
		smaller, ok := smallerOf(message, func(try any) bool {
			tries++
			text, err := json.Marshal(try)
			return err == nil && tries <= maxShrinks && !isLate(until) && breaks(text)
		})
		if !ok {
			text, err := json.Marshal(message)
			if err != nil {
				return nil // never: it was written before
			}
			return text
		}
		message = smaller
	}
}

// smallerOf returns the first value that is a little smaller and is as wanted.
func smallerOf(v any, wanted func(any) bool) (smaller any, ok bool) {
	for _, simple := range simpler(v) {
		if wanted(simple) {
			return simple, true
		}
	}
	switch v := v.(type) {
	case []any:
		for i := range v {
			if less := slices.Delete(slices.Clone(v), i, i+1); wanted(less) {
				return less, true
			}
		}
		for i := range v {
			if one, ok := smallerOf(v[i], func(try any) bool { return wanted(replaced(v, i, try)) }); ok {
				return replaced(v, i, one), true
			}
		}
	case map[string]any:
		return smallerObject(v, wanted)
	}
	return nil, false
}

func smallerObject(v map[string]any, wanted func(any) bool) (smaller any, ok bool) {
	names := slices.Sorted(maps.Keys(v))
	for _, name := range names {
		less := maps.Clone(v)
		if delete(less, name); wanted(less) {
			return less, true
		}
	}
	with := func(name string, value any) any {
		changed := maps.Clone(v)
		changed[name] = value
		return changed
	}
	for _, name := range names {
		if one, ok := smallerOf(v[name], func(try any) bool { return wanted(with(name, try)) }); ok {
			return with(name, one), true
		}
	}
	return nil, false
}

func replaced(list []any, i int, v any) []any {
	changed := slices.Clone(list)
	changed[i] = v
	return changed
}

// simpler lists values that are simpler than one, simplest first. It ends: each is of a lower rank, or shorter.
func simpler(v any) (list []any) {
	simplest := []any{nil, false, true, json.Number("0"), json.Number("1"), "", "a", []any{}, map[string]any{}}
	for _, simple := range simplest {
		if rank(simple) < rank(v) {
			list = append(list, simple)
		}
	}
	switch v := v.(type) {
	case string:
		if letters := strings.Repeat("a", len([]rune(v))); rank(v) > rank(letters) {
			list = append(list, letters)
		}
		for cut := len(v) / 2; cut > 0; cut /= 2 {
			if shorter := strings.ToValidUTF8(v[:len(v)-cut], ""); len(shorter) < len(v) {
				list = append(list, shorter)
			}
		}
	case json.Number:
		whole, _, found := strings.Cut(string(v), ".")
		if found {
			list = append(list, json.Number(whole))
		}
	}
	return list
}

// rank orders values by how simple they are. Of two of one rank, neither is simpler.
func rank(v any) int {
	switch v := v.(type) {
	case nil:
		return 0
	case bool:
		if v {
			return 2
		}
		return 1
	case json.Number:
		if v == "0" || v == "1" {
			return 3 + int(v[0]-'0')
		}
		return 10 + len(v)
	case string:
		if strings.Trim(v, "a") == "" {
			return 6 + 2*len(v)
		}
		return 7 + 2*len(v)
	case []any:
		if len(v) == 0 {
			return 8
		}
	case map[string]any:
		if len(v) == 0 {
			return 9
		}
	}
	return 1 << 20
}
