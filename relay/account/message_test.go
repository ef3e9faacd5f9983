package account

import (
	"encoding/json"
	"errors"
	"testing"
)

func TestPayload(t *testing.T) {
	for _, id := range []ID{{}, {7, 23, 0}, {0, 1, 1234567}} {
		for _, size := range []int{0, 1, 5000} {
			b := AppendPayload(nil, id, 1_790_000_000_123_456_789, size)
			if !json.Valid(b) {
				t.Errorf("no JSON: %s", b)
			}
			got, sent, err := ParsePayload(b)
			if got != id || sent != 1_790_000_000_123_456_789 || err != nil {
				t.Errorf("%.60s: got %v, %d, %v", b, got, sent, err)
			}
			for name, bad := range map[string][]byte{
				"cut": b[:len(b)-1], "too long": append(b[:len(b):len(b)], '}'), "empty": nil, "other": []byte("hello"),
			} {
				if _, _, err := ParsePayload(bad); !errors.Is(err, ErrPayload) {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
	b := AppendPayload(nil, ID{1, 2, 3}, 4, 10)
	b[len(b)-4] = 'z'
	if _, _, err := ParsePayload(b); !errors.Is(err, ErrPayload) {
		t.Errorf("with a byte of another message: %v", err)
	}
}
