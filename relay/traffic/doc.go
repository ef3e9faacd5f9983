// Package traffic keeps figures of the channels that carry most, in bounded memory, and finds channels that suddenly
// carry far more than usual or, while nothing is usual yet, far more than others of their kind.
//
// # Which channels are kept
//
// There may be millions of channels, and the Table has room for [Capacity]. The Frequent Items sketch for weighted
// streams decides which ones stay (Anderson, Bevan, Lang, Liberty, Rhodes, Thaler: "A High-Performance Algorithm for
// Identifying Frequent Items in Data Streams", IMC 2017; Apache DataSketches has it, too). Each channel has a weight.
// When the table is full, the median of all weights is subtracted from each of them, and the channels at or below zero
// are forgotten. That frees at least half of the table, so the cost for each message stays constant. The paper takes
// the median of a sample; this package takes that of all weights, which costs little for so few, and makes the bound
// below certain.
//
// The weight of a message is its share in all messages, plus the share of its bytes in all bytes, of its direction. A
// message that is refused or dropped weighs its share in all that are refused or dropped. So a channel is kept if it is
// heavy in any dimension.
//
// Weights fade with a half-life of a minute, so that the table follows what is heavy now. Exponential forward decay
// (Cormode, Shkapenyuk, Srivastava, Xu: "Forward Decay: A Practical Time Decay Model for Streaming Systems", ICDE 2009)
// and exponential backward decay give the same weights. The table is small, so each tick scales all of it, and no
// number grows without bound.
//
// # Error bound
//
// Let W be the sum of all weights that were given, faded: at most about 1 for each of the six dimensions that carries
// something. Each subtraction of a median m takes m from at least Capacity/2 channels, so all subtractions together
// are at most W/(Capacity/2). This is how much the weight of a channel may be too small. A channel whose share in any
// one dimension is more than that, 6/2048 or 0.3 %, is in the table. Skewed traffic is bounded better: for every j,
// the error is at most the weight of all but the j heaviest channels, divided by Capacity/2 - j. The total weight and
// the error both fade in the same way, so the bound holds at all times. It is loose by the change of the total rates
// within a minute, because shares are of the totals at the time of the message.
//
// The counts of a channel are exact since it was admitted to the table.
//
// # Memory
//
// A Table takes at most some 5 MiB, whatever names channels have: the key is a 64-bit hash of the whole name, and
// [MaxName] bytes of the name are kept. Two channels with the same hash would be taken for one; with 1,000,000
// channels the odds of any such pair are below 1 in 30,000,000.
//
// # Concurrency
//
// Everything belongs to the event loop. There are no locks.
package traffic
