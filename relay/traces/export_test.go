package traces

import "time"

// WaitForReceiver gives the receiver more than a second at the end: a busy machine may need it. Call it before Close.
func (t *Tracer) WaitForReceiver() { t.flush = time.Minute }
