//go:build !linux

package data

import (
	"errors"
	"os"
)

func mapping(*os.File, int) ([]byte, error) {
	return nil, errors.New("files are not mapped on this system")
}

func unmap([]byte) {}
