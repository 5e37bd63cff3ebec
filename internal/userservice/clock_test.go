package userservice_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

func TestServiceTimeIsThatOfTheLastAnswer(t *testing.T) {
	t.Parallel()
	const ahead = time.Hour
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer srv.Close()
	api, err := userservice.New(userservice.Options{UserURL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if at, ok := api.ServiceTime(now); ok || !at.Equal(now) {
		t.Errorf("before any answer: %s, %t", at, ok)
	}
	if _, err := api.Once().Register(t.Context(), userservice.Instance{}, field.Set{}); err == nil {
		t.Fatal("no error")
	}
	at, ok := api.ServiceTime(now)
	if off := at.Sub(now.Add(ahead)); !ok || off.Abs() > 5*time.Second {
		t.Errorf("got %s, %t, which is off by %s", at, ok, off)
	}
}
