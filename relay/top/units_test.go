package top

import "testing"

func TestUnits(t *testing.T) {
	for want, got := range map[string]string{
		"0": count(0), "<0.1": count(0.01), "0.4": count(0.4), "9.9": count(9.94), "10": count(9.96), "999": count(999.4),
		"1k": count(999.6), "9.5k": count(9500), "950k": count(950_000), "1M": count(1e6), "5000T": count(5e15),
		"0B": size(0), "950B": size(950), "1KiB": size(1024), "9.5KiB": size(9728), "950KiB": size(950 << 10), "1MiB": size(1<<20 - 1),
		"0s": span(-1), "59s": span(59.9), "95s": span(95), "12m": span(720), "3h12m": span(11520), "5d3h": span(5*86400 + 3*3600), "150d": span(150 * 86400),
		"350µs": fine(0.00035), "1.2ms": fine(0.00123), "12ms": fine(0.0123), "2.5s": fine(2.51), "45s": fine(45),
		"▁▂▄█": sparkline([]float64{0, 0.1, 4, 8}, 8), "▁▁": sparkline([]float64{0, 0}, 0),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"chat:42": "chat:42", "é日": "é日", "a\x1b[31m": `a\x1b[31m`, "a\nb\t": `a\nb\t`, "\x7f\xff": `\x7f\xff`,
		"\u202eabc\u009b": `\u202eabc\u009b`, "\ufeff": `\ufeff`,
	} {
		if got := Printable(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
