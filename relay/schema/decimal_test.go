package schema

// This file tests exact numbers against math/big.

import (
	"math"
	"math/big"
	"testing"

	"redis-relay/relay/schema/ascii"
)

func rat(t *testing.T, text string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("%q is no number", text)
	}
	return r
}

// checkScaled compares scaled with the same computed at leisure.
func checkScaled(t *testing.T, text string, scale int) {
	t.Helper()
	exact := rat(t, text)
	exact.Mul(exact, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)))
	floor := new(big.Int).Div(exact.Num(), exact.Denom()) // Euclidean: the floor, as the denominator is above 0
	got := scaled([]byte(text), scale)
	if got.fractional == exact.IsInt() {
		t.Errorf("scaled(%s, %d).fractional = %v", text, scale, got.fractional)
	}
	limit := big.NewInt(math.MaxInt64)
	switch {
	case got.floor == math.MaxInt64:
		if floor.Cmp(limit) < 0 {
			t.Errorf("scaled(%s, %d) is beyond; want %v", text, scale, floor)
		}
	case got.floor == math.MinInt64:
		if floor.Cmp(limit.Neg(limit)) > 0 {
			t.Errorf("scaled(%s, %d) is beyond; want %v", text, scale, floor)
		}
	case !floor.IsInt64() || floor.Int64() != got.floor:
		t.Errorf("scaled(%s, %d).floor = %d; want %v", text, scale, got.floor, floor)
	}
}

func TestScaled(t *testing.T) {
	texts := append([]string{
		"9223372036854775806.5", "-9223372036854775807", "-9223372036854775807.5", "922337203685477580.7e1",
		"0.000000000000000000000000000000000001e36", "123456789e-9", "123456789e-10", "-1e-400", "99999999999999999999e-20",
		"1.50", "1.5e1", "15e-1", "0e5", "0.0e-5", "-0.0", "10e+00000000002",
	}, genNumbers...)
	for _, text := range texts {
		for _, scale := range []int{0, 1, 2, maxScale} {
			checkScaled(t, text, scale)
		}
	}
}

func TestNewDecimal(t *testing.T) {
	tests := []struct {
		text string
		want decimal
		fits bool
	}{
		{"0", decimal{0, 0}, true},
		{"-1.50", decimal{-15, 1}, true},
		{"1e3", decimal{1000, 0}, true},
		{"1e-18", decimal{1, 18}, true},
		{"1e-19", decimal{}, false},
		{"9223372036854775806", decimal{math.MaxInt64 - 1, 0}, true},
		{"9223372036854775807", decimal{}, false},
		{"-9223372036854775807", decimal{}, false},
		{"1e400", decimal{}, false},
	}
	for _, tt := range tests {
		got, fits := newDecimal(rat(t, tt.text))
		if fits != tt.fits || fits && got != tt.want {
			t.Errorf("newDecimal(%s) = %v, %v; want %v, %v", tt.text, got, fits, tt.want, tt.fits)
		}
	}
}

func TestAppendCanonical(t *testing.T) {
	texts := append([]string{"1.50", "15e-1", "0.015e2", "-1.5", "1500", "15e2", "1e1", "100e-1", "0.00", "00e0"[1:]}, genNumbers...)
	for _, x := range texts {
		for _, y := range texts {
			equal := rat(t, x).Cmp(rat(t, y)) == 0
			same := string(appendCanonical(nil, []byte(x))) == string(appendCanonical(nil, []byte(y)))
			if equal != same {
				t.Errorf("%s and %s: the same text %v; equal %v", x, y, same, equal)
			}
		}
	}
}

func FuzzScaled(f *testing.F) {
	for i, text := range genNumbers {
		f.Add(text, uint8(i))
	}
	f.Fuzz(func(t *testing.T, text string, scale uint8) {
		if _, refused := guard([]byte(text), ""); refused.why != none || !isNumber(text) {
			return
		}
		checkScaled(t, text, int(scale%(maxScale+1)))
		other := text + "0"
		if _, refused := guard([]byte(other), ""); refused.why == none {
			equal := rat(t, text).Cmp(rat(t, other)) == 0
			if (string(appendCanonical(nil, []byte(text))) == string(appendCanonical(nil, []byte(other)))) != equal {
				t.Errorf("%s and %s: equal %v", text, other, equal)
			}
		}
	})
}

// isNumber reports whether a JSON text is a bare number.
func isNumber(text string) bool {
	return (text[0] == '-' || ascii.IsDigit(text[0])) && ascii.IsDigit(text[len(text)-1])
}
