// Package filetype names files by their first bytes. A reader that is given something else than it reads says with
// it what the file is and what makes it one that is read, instead of calling it damaged.
package filetype

import (
	"bytes"
	"fmt"
	"strings"
)

// Type is a kind of file.
type Type struct {
	Name string // with its article, such as "a NIST SPHERE recording"
	Fix  string // what turns it into a file that is read
}

// HeadSize is the number of first bytes that Of wants; fewer will mostly do.
const HeadSize = 512

// Error says that a file is sound, but of a kind, or of a variant of a kind, that is not read.
type Error struct {
	Msg string // what it is
	Fix string // what to do
}

// Error is the message without the advice.
func (e *Error) Error() string { return e.Msg }

// Unread makes the error of a sound file of a kind that is not read.
func Unread(fix, format string, a ...any) error { return &Error{fmt.Sprintf(format, a...), fix} }

// Other is the error of a file that is no expected ("no picture"): it names what the file is, where that is known, and
// else what would be read.
func Other(head []byte, expected, known string) error {
	if t, ok := Of(head); ok {
		return &Error{"is " + t.Name + ", " + expected, t.Fix}
	}
	return fmt.Errorf("is %s; %s", expected, known)
}

// signature is what the files of a type begin with, or have at a place; ? stands for any byte.
type signature struct {
	at    int
	magic string
	Type
}

func (s signature) matches(head []byte) bool {
	if len(head) < s.at+len(s.magic) {
		return false
	}
	for i := range len(s.magic) {
		if s.magic[i] != '?' && s.magic[i] != head[s.at+i] {
			return false
		}
	}
	return true
}

// Of says what a file with these first bytes is.
func Of(head []byte) (Type, bool) {
	for _, group := range [][]signature{pictures, sounds, packed, tables, others} {
		for _, s := range group {
			if s.matches(head) {
				return s.Type, true
			}
		}
	}
	text := bytes.ToLower(bytes.TrimLeft(head[:min(len(head), 256)], "\xef\xbb\xbf \t\r\n"))
	for _, s := range marked {
		if s.matches(text) {
			return s.Type, true
		}
	}
	return Type{}, false
}

// What to do about most files of a kind.
const (
	toPNG     = "convert it to PNG, such as by ImageMagick's magick IN OUT.png"
	toWAV     = "convert it to WAV, such as by ffmpeg -i IN OUT.wav"
	toTIFF    = "convert it to TIFF or NumPy's .npy"
	toParquet = "convert it to Parquet, CSV or NumPy's .npy, such as by pandas"
	unpack    = "unpack it"
	toFrames  = "take the sound out by ffmpeg -i IN OUT.wav, or pictures by ffmpeg -i IN OUT-%06d.png"
)

// unnamed are the patient and the recording of an EDF file, before the day of its start.
var unnamed = strings.Repeat("?", 160)

// byReader is the advice for a file that another reader reads.
func byReader(name string) string { return "read it with the reader " + name }

var pictures = []signature{
	{0, "\xff\xd8\xff", Type{"a JPEG picture", byReader("images")}},
	{0, "\x89PNG\r\n\x1a\n", Type{"a PNG picture", byReader("images")}},
	{0, "GIF8", Type{"a GIF picture", byReader("images")}},
	{0, "RIFF????WEBP", Type{"a WebP picture", byReader("images")}},
	{0, "II*\x00", Type{"a TIFF", byReader("images")}},
	{0, "MM\x00*", Type{"a TIFF", byReader("images")}},
	{0, "II+\x00", Type{"a BigTIFF", byReader("images")}},
	{0, "MM\x00+", Type{"a BigTIFF", byReader("images")}},
	{4, "ftypavif", Type{"an AVIF picture", toPNG}},
	{4, "ftypavis", Type{"an AVIF picture", toPNG}},
	{4, "ftyphei", Type{"an HEIC picture", toPNG}},
	{4, "ftyphev", Type{"an HEIC picture", toPNG}},
	{4, "ftypmif1", Type{"an HEIF picture", toPNG}},
	{4, "ftypmsf1", Type{"an HEIF picture", toPNG}},
	{0, "\x00\x00\x00\x0cjP  \r\n\x87\n", Type{"a JPEG 2000 picture", toPNG}},
	{0, "\xff\x4f\xff\x51", Type{"a JPEG 2000 picture", toPNG}},
	{0, "\x00\x00\x00\x0cJXL \r\n\x87\n", Type{"a JPEG XL picture", toPNG}},
	{0, "\xff\x0a", Type{"a JPEG XL picture", toPNG}},
	{0, "II\xbc", Type{"a JPEG XR picture", toPNG}},
	{0, "8BPS", Type{"a Photoshop picture", toPNG}},
	{0, "DDS ", Type{"a DirectDraw picture", toPNG}},
	{0, "\x00\x00\x01\x00", Type{"an icon file", toPNG}},
	{0, "\x76\x2f\x31\x01", Type{"an OpenEXR picture", "convert it to a TIFF of floating-point samples"}},
	{0, "#?RADIANCE", Type{"a Radiance HDR picture", "convert it to a TIFF of floating-point samples"}},
	{0, "PF\n", Type{"a portable float map", "convert it to a TIFF of floating-point samples"}},
	{0, "Pf\n", Type{"a portable float map", "convert it to a TIFF of floating-point samples"}},
	{0, "P7\n", Type{"a PAM picture", toPNG}},
	{0, "qoif", Type{"a QOI picture", toPNG}},
	{0, "gimp xcf", Type{"a picture of the GIMP", toPNG}},
	{0, "\x59\xa6\x6a\x95", Type{"a Sun raster picture", toPNG}},
	{0, "\x01\xda", Type{"an SGI picture", toPNG}},
	{0, "AT&TFORM", Type{"a DjVu document", toPNG}},
	{0, "%PDF-", Type{"a PDF document", "convert its pages to PNG, such as by pdftoppm -png"}},
	{0, "%!PS", Type{"a PostScript document", toPNG}},
	{128, "DICM", Type{"a DICOM file", "convert it to PNG of 16 bits, TIFF or NumPy's .npy, such as by pydicom"}},
	{344, "n+1\x00", Type{"a NIfTI volume", "convert it to NumPy's .npy, such as by nibabel"}},
	{0, "SIMPLE  =", Type{"a FITS file", "convert it to NumPy's .npy, such as by astropy"}},
	{0, "NRRD000", Type{"an NRRD volume", toTIFF}},
	{208, "MAP ", Type{"an MRC volume", toTIFF}},
}

var sounds = []signature{
	{0, "RIFF????WAVE", Type{"a WAV recording", byReader("audio")}},
	{0, "RIFX????WAVE", Type{"a WAV recording", byReader("audio")}},
	{0, "RF64????WAVE", Type{"a WAV recording of RF64", byReader("audio")}},
	{0, "BW64????WAVE", Type{"a WAV recording of BW64", byReader("audio")}},
	{0, "fLaC", Type{"a FLAC recording", byReader("audio")}},
	{0, "NIST_1A", Type{"a NIST SPHERE recording, as in TIMIT", "convert it to WAV, such as by sox IN OUT.wav or sph2pipe -f rif IN OUT.wav"}},
	{0, "riff\x2e\x91\xcf\x11", Type{"a Wave64 recording", toWAV}},
	{0, "FORM????AIFF", Type{"an AIFF recording", toWAV}},
	{0, "FORM????AIFC", Type{"an AIFF-C recording", toWAV}},
	{0, "FORM????8SVX", Type{"an 8SVX recording", toWAV}},
	{0, "caff", Type{"a CAF recording", toWAV}},
	{0, ".snd", Type{"an AU recording", toWAV}},
	{0, "dns.", Type{"an AU recording", toWAV}},
	{0, "OggS", Type{"an Ogg recording (Vorbis, Opus or FLAC)", toWAV}},
	{0, "ID3", Type{"an MP3 recording", toWAV}},
	{0, "\xff\xfb", Type{"an MP3 recording", toWAV}},
	{0, "\xff\xfa", Type{"an MP3 recording", toWAV}},
	{0, "\xff\xf3", Type{"an MP3 recording", toWAV}},
	{0, "\xff\xf2", Type{"an MP3 recording", toWAV}},
	{0, "\xff\xf1", Type{"an AAC recording", toWAV}},
	{0, "\xff\xf9", Type{"an AAC recording", toWAV}},
	{4, "ftypM4A", Type{"an MPEG-4 recording", toWAV}},
	{0, "wvpk", Type{"a WavPack recording", toWAV}},
	{0, "MAC ", Type{"a Monkey's Audio recording", toWAV}},
	{0, "TTA1", Type{"a True Audio recording", toWAV}},
	{0, "ajkg", Type{"a Shorten recording", toWAV}},
	{0, "#!AMR", Type{"an AMR recording", toWAV}},
	{0, "Creative Voice File", Type{"a VOC recording", toWAV}},
	{0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11", Type{"a recording of Windows Media", toWAV}},
	{0, "MThd", Type{"a MIDI file, which holds notes and no sound", "render it to WAV, such as by fluidsynth"}},
	{0, "RIFF????AVI ", Type{"an AVI film", toFrames}},
	{4, "ftyp", Type{"an MPEG-4 film", toFrames}},
	{0, "\x1a\x45\xdf\xa3", Type{"a Matroska or WebM film", toFrames}},
	{0, "0       " + unnamed + "??.??.??", Type{"an EDF recording", "convert it to NumPy's .npy or CSV, such as by mne or pyedflib"}},
	{0, "\xffBIOSEMI", Type{"a BDF recording", "convert it to NumPy's .npy or CSV, such as by mne or pyedflib"}},
}

var packed = []signature{
	{0, "\x1f\x8b", Type{"a gzip stream", "unpack it with gunzip"}},
	{0, "BZh", Type{"a bzip2 stream", "unpack it with bunzip2"}},
	{0, "\xfd7zXZ\x00", Type{"an xz stream", "unpack it with unxz"}},
	{0, "\x28\xb5\x2f\xfd", Type{"a Zstandard stream", "unpack it with unzstd"}},
	{0, "\x04\x22\x4d\x18", Type{"an LZ4 stream", "unpack it with unlz4"}},
	{0, "\xff\x06\x00\x00sNaPpY", Type{"a Snappy stream", unpack}},
	{0, "LZIP", Type{"an lzip stream", "unpack it with lzip -d"}},
	{0, "\x1f\x9d", Type{"a stream of Unix compress", "unpack it with uncompress"}},
	{0, "PK\x03\x04", Type{"a zip archive", "unpack it with unzip"}},
	{0, "PK\x05\x06", Type{"an empty zip archive", unpack}},
	{0, "7z\xbc\xaf\x27\x1c", Type{"a 7-Zip archive", unpack}},
	{0, "Rar!\x1a\x07", Type{"a RAR archive", unpack}},
	{257, "ustar", Type{"a tar archive", "unpack it with tar -xf, into a folder for each class where there are classes"}},
}

var tables = []signature{
	{0, "PAR1", Type{"a Parquet file", byReader("parquet")}},
	{0, "\x93NUMPY", Type{"an array of NumPy", byReader("npy")}},
	{0, "ARROW1\x00\x00", Type{"an Arrow file", "convert it to Parquet: pyarrow.parquet.write_table(pyarrow.feather.read_table(IN), OUT), or datasets.load_from_disk(DIR).to_parquet(OUT)"}},
	{0, "\xff\xff\xff\xff????\x10\x00\x00\x00", Type{"an Arrow stream, as Hugging Face's datasets write",
		"convert it to Parquet: datasets.load_from_disk(DIR).to_parquet(OUT), or pyarrow.parquet.write_table(pyarrow.ipc.open_stream(IN).read_all(), OUT)"}},
	{0, "FEA1", Type{"a Feather file", toParquet}},
	{0, "ORC", Type{"an ORC file", toParquet}},
	{0, "Obj\x01", Type{"an Avro file", toParquet}},
	{0, "\x89HDF\r\n\x1a\n", Type{"an HDF5 file", "convert it to NumPy's .npy or .npz, such as by h5py"}},
	{0, "CDF\x01", Type{"a netCDF file", "convert it to NumPy's .npy or .npz, such as by xarray"}},
	{0, "CDF\x02", Type{"a netCDF file", "convert it to NumPy's .npy or .npz, such as by xarray"}},
	{0, "CDF\x05", Type{"a netCDF file", "convert it to NumPy's .npy or .npz, such as by xarray"}},
	{0, "MATLAB 5.0", Type{"a MATLAB file", "convert it to NumPy's .npz, such as by scipy.io.loadmat"}},
	{0, "MATLAB 7.3", Type{"a MATLAB file", "convert it to NumPy's .npz, such as by h5py"}},
	{0, "SQLite format 3\x00", Type{"an SQLite database", toParquet}},
	{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Type{"an Excel file, or another of the old Office", "save it as CSV"}},
	{0, "RDX2\n", Type{"an R file", toParquet}},
	{0, "RDX3\n", Type{"an R file", toParquet}},
	{0, "BAM\x01", Type{"a BAM file", "convert it to FASTQ: samtools fastq"}},
	{0, "CRAM", Type{"a CRAM file", "convert it to FASTQ: samtools fastq"}},
	{0, "\x43\x27\x41\x1a", Type{"a 2bit genome", "convert it to FASTA: twoBitToFa"}},
	{0, "##fileformat=VCF", Type{"a VCF file", toParquet}},
}

var others = []signature{
	{0, "GGUF", Type{"a GGUF model", "give the model's safetensors or .pth file"}},
	{0, "version https://git-lfs", Type{"a pointer of Git LFS, not the file itself", "fetch the file with git lfs pull"}},
	{0, "\x7fELF", Type{"a program", "give the right file"}},
}

// marked are texts that begin so whatever the case of their letters.
var marked = []signature{
	{0, "<!doctype html", Type{"a web page, such as the answer to a failed download", "fetch the file itself"}},
	{0, "<html", Type{"a web page, such as the answer to a failed download", "fetch the file itself"}},
	{0, "<svg", Type{"an SVG drawing", toPNG}},
	{0, "<?xml", Type{"an XML document", "give the right file"}},
}
