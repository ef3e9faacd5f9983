// Package glob matches channel names against patterns exactly as Redis does.
//
// It is a port of stringmatchlen, the matcher behind PSUBSCRIBE and PUBSUB CHANNELS, quirks included; other glob
// libraries differ in the corners. The language, over bytes and case-sensitive:
//
//	?       any one byte
//	*       any run of bytes, but never all of an empty name: "*" does not match ""
//	[abc]   one byte of a set; [^abc] one byte outside it; [a-c] and [c-a] a range; \ escapes inside too
//	[abc    a set that is not closed ends with the pattern; an empty one, as in "a[", matches nothing
//	\x      the byte x itself; a \ that ends the pattern stands for itself
//
// Ranges compare bytes as signed numbers, as Redis does where C's char is signed (x86): 0x80 to 0xff come before 0x00.
//
// A pattern with more than 1000 stars that do not end it matches nothing, as in Redis 6.2.16, 7.2.6, 7.4.1 and later.
//
// Ordering: none; the functions are pure, but for an Index, which belongs to one goroutine.
//
// Concurrency: every other function may be called from any goroutine, as long as nobody changes its arguments
// meanwhile.
package glob
