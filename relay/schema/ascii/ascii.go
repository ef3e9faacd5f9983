package ascii

// Letters and digits of ASCII.

// IsDigit reports whether c is one of 0 to 9.
func IsDigit(c byte) bool { return '0' <= c && c <= '9' }

// IsAlphanumeric reports whether c is a letter or digit.
func IsAlphanumeric(c byte) bool { return IsDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'z' }

// Digits returns how many digits t starts with.
func Digits[T string | []byte](t T) int {
	n := 0
	for n < len(t) && IsDigit(t[n]) {
		n++
	}
	return n
}
