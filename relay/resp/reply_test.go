// This file tests the reading of replies, by table, by truncation and by fuzzing.

package resp

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
)

var replyTests = []struct{ input, want string }{
	{"+OK\r\n", "+OK"},
	{"+\r\n", "+"},
	{"-ERR no\r\n", "-ERR no"},
	{":-12\r\n", ":-12"},
	{"$5\r\nhello\r\n", "hello"},
	{"$0\r\n\r\n", `""`},
	{"$3\r\na b\r\n", `"a b"`},
	{"$4\r\n\r\n\x00\"\r\n", `"\r\n\x00\""`},
	{"$5\r\n(nil)\r\n", `"(nil)"`},
	{"$-1\r\n", "(nil)"},
	{"*-1\r\n", "(nil)"},
	{"_\r\n", "(nil)"},
	{"*0\r\n", "[]"},
	{"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n", "[message a m]"},
	{">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n", ">[subscribe a 1]"},
	{"*2\r\n*1\r\n:1\r\n*-1\r\n", "[[1] (nil)]"},
	{"%2\r\n+a\r\n:1\r\n$1\r\nb\r\n%0\r\n", "%[+a 1 b %[]]"},
	{"~1\r\n#t\r\n", "~[#t]"},
	{"|1\r\n+k\r\n+v\r\n", "|[+k +v]"},
	{",1.5e3\r\n", ",1.5e3"},
	{"(12345678901234567890\r\n", "(12345678901234567890"},
	{"!6\r\nERR no\r\n", "!ERR no"},
	{"=8\r\ntxt:a\r\nb\r\n", `"a\r\nb"`},
}

func TestReadValue(t *testing.T) {
	for _, tt := range replyTests {
		r := bufio.NewReader(strings.NewReader(tt.input + "+next\r\n"))
		v, err := ReadValue(r)
		if err != nil || v.String() != tt.want || v.Type != tt.input[0] {
			t.Errorf("ReadValue(%q) = %v, %v, want %v", tt.input, v, err, tt.want)
		}
		if next, err := ReadValue(r); err != nil || next.String() != "+next" {
			t.Errorf("after %q: %v, %v", tt.input, next, err)
		}
		if _, err := ReadValue(r); !errors.Is(err, io.EOF) {
			t.Errorf("at the end: error %v, want io.EOF", err)
		}
	}
}

func TestReadValueTruncated(t *testing.T) {
	for _, tt := range replyTests {
		for n := 1; n < len(tt.input); n++ {
			_, err := ReadValue(bufio.NewReader(strings.NewReader(tt.input[:n])))
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("ReadValue(%q): error %v, want an unexpected end", tt.input[:n], err)
			}
		}
	}
}

// TestReadValueUpTo has every value just fit, and passes over it when the limit is a byte less.
func TestReadValueUpTo(t *testing.T) {
	long := "*2\r\n$9\r\n" + strings.Repeat("x", 9) + "\r\n*1\r\n$" + "100000\r\n" + strings.Repeat("y", 100_000) + "\r\n"
	inputs := []string{long, "*1\r\n" + long}
	for _, tt := range replyTests {
		inputs = append(inputs, tt.input)
	}
	for _, input := range inputs {
		whole, err := ReadValue(bufio.NewReader(strings.NewReader(input)))
		if err != nil {
			t.Fatal(err)
		}
		size := len(input) + valueRoom*values(whole)
		for _, limit := range []int{size, size - 1, 0} {
			r := bufio.NewReader(strings.NewReader(input + "+next\r\n"))
			if _, err := ReadValueUpTo(r, limit); errors.Is(err, ErrLimit) != (limit < size) {
				t.Errorf("%d bytes, limit %d: error %v", len(input), limit, err)
			}
			if next, err := ReadValueUpTo(r, 7+valueRoom); err != nil || next.String() != "+next" {
				t.Errorf("after %d bytes, limit %d: %v, %v", len(input), limit, next, err)
			}
		}
	}
}

// values counts a value and those in it.
func values(v Value) (n int) {
	for _, e := range v.Elems {
		n += values(e)
	}
	return n + 1
}

func TestReadValueRefuses(t *testing.T) {
	for _, input := range []string{
		"\r\n",
		"OK\r\n",
		"+OK\n",
		":\r\n",
		":1x\r\n",
		"$-2\r\n",
		"$536870913\r\n",
		"$99999999999999999999\r\n",
		"$1\r\nab\r\n",
		"=3\r\ntxt\r\n",
		"=4\r\ntext\r\n",
		"*x\r\n",
		"+" + strings.Repeat("x", 2*maxLine) + "\r\n",
		strings.Repeat("*1\r\n", maxValueDepth+2),
	} {
		if v, err := ReadValue(bufio.NewReader(strings.NewReader(input))); !errors.Is(err, ErrValue) {
			t.Errorf("ReadValue(%.100q) = %.100v, %v, want ErrValue", input, v, err)
		}
	}
}

// FuzzReadValue reads any bytes without a panic, and ends in an error it knows.
func FuzzReadValue(f *testing.F) {
	for _, tt := range replyTests {
		f.Add([]byte(tt.input))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		r := bufio.NewReader(strings.NewReader(string(input)))
		for {
			v, err := ReadValueUpTo(r, 1000)
			if errors.Is(err, ErrLimit) {
				continue
			}
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, ErrValue) {
					t.Fatalf("unknown error %v", err)
				}
				return
			}
			_ = v.String()
		}
	})
}
