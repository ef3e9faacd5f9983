// Package clouds gets what the Redis services of AWS, Azure and Google take as user and password: a token of the
// identity that the cloud gives to this process. [AWS], [Azure] and [Google] each ask once and keep nothing.
//
// # Weight
//
// The program redis-relay carries this package for one subcommand, and what the modules of the clouds do at their
// start, every relay does. So the modules are the lightest that each cloud has. Left out are AWS's config, with the
// clients of four services and their tables of endpoints, and Azure's azidentity, with a second HTTP stack: with those
// two an idle relay would hold 0.9 MiB more of its own, and 2 MiB more of the program's file.
//
// # Concurrency
//
// All functions may be called from any goroutine. They wait for the network, for at most [Limit].
package clouds
