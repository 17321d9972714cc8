//go:build !linux

package dabs

import (
	"errors"
	"os"
)

func mapping(*os.File, int) ([]byte, error) {
	return nil, errors.New("files are not mapped on this system")
}
