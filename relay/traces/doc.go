// Package traces makes OpenTelemetry spans of the messages that are sampled, and sends them to a receiver of OTLP over
// HTTP. It is the only importer of OpenTelemetry.
//
// A message that a client publishes has the spans
//
//	publish   from the command to the answer of Redis
//	  check   until the message is found to be allowed and valid
//
// and a message from Redis, on each host that hears it,
//
//	receive   until the message is queued for its listeners, or refused
//	  check   as above
//	  deliver until the end of the turn of the loop that queued it: by then it is written to each listener that
//	          has room in its socket
//
// publish and receive are children of the publisher's span, which the payload names in a top-level field in the words
// of W3C Trace Context, or an entry of a stream in a field beside the payload. So all spans of a message are in one
// trace, although payloads are not changed. The sampled flag of that field decides whether a message is traced. A
// message without it begins a trace of its own, by chance.
//
// # Bounds
//
// At most maxWaiting finished spans wait for the exporter. Beyond that, messages are not traced, and what is missing
// is counted. One export takes at most exportTime, with its retries. Nothing here waits, but for Close.
//
// # The exporter
//
// It is the SDK's own (otlptrace), with a client of ours below it. The SDK's client, otlptracehttp, links gRPC and
// grpc-gateway into the program, although it uses neither: 12 MiB. This one takes 1 MiB with all of the SDK.
//
// # Concurrency
//
// A Tracer and its Traces belong to the loop, but for Stats, which may be called from anywhere, and for New and Close.
// The SDK's batch processor exports in a goroutine of its own.
package traces
