package redistest

import "testing"

func TestGoroutinesThatOutliveTheTests(t *testing.T) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		<-end
		close(ended)
	}()
	if code := waitForGoroutines(0); code != 1 {
		t.Errorf("while a goroutine runs: exit code %d", code)
	}
	close(end)
	<-ended
	if code := waitForGoroutines(lingering); code != 0 {
		t.Errorf("when it has ended: exit code %d", code)
	}
}
