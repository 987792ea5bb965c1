package cmd

import (
	"encoding/json"
	"errors"
	"time"
)

func inspectEvent() func([]byte) (string, time.Time, error) {
	return func(line []byte) (string, time.Time, error) {
		var e struct {
			At    time.Time `json:"@timestamp"`
			Event struct {
				ID string `json:"id"`
			} `json:"event"`
		}
		err := json.Unmarshal(line, &e)
		if err == nil && e.Event.ID == "" {
			err = errors.New("no id")
		}
		return e.Event.ID, e.At, err
	}
}
