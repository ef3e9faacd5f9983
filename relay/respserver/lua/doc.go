// Package lua reads Lua scripts that do nothing but publish, such as Laravel's broadcaster sends. They are parsed, and
// no Lua is run: a [Script] says which messages it publishes with which arguments, and what it returns.
//
// # Concurrency
//
// A Script is not changed once it is made, and may be used by many at the same time. Scripts are for one goroutine.
package lua
