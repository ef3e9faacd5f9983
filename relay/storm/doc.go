// Package storm is tests only: what no well-meaning application does to a relay,
// and a host with bad luck does: crowds, floods, readers that stop, and a system
// that has run out of something. The relay is the built program in a process of its
// own, so that its memory, its descriptors and its processor time are its own, too.
//
// Each test ends with the same questions: did the others go on, did the memory stay
// under its bound, and was all given back? RELAY_LONG=1 runs the long forms.
//
// # Concurrency
//
// The tests run one after the other: they measure. They need Linux, for /proc.
package storm
